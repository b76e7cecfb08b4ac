package scenarios

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// simulated is the lab that hcrun brings along.
type simulated struct {
	dir    string
	status struct {
		Nodes []struct {
			Name, Host string
			Port       int
		}
		KnownHosts, Identity string
	}
}

// simulatedPace divides the lab's waits; what is to be seen has to last long enough to be seen.
const simulatedPace = 5

func newSimulated(t *testing.T, dir string) *simulated {
	t.Helper()
	s := &simulated{dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "hosts.hcl"), []byte(s.inventory()), 0o600); err != nil {
		t.Fatal(err)
	}
	book := filepath.Join(repository(t), "playbooks", "audit-5p.hcl")
	if out, err := s.hcrun("validate", book, "-i", filepath.Join(dir, "hosts.hcl")); err != nil { // which starts it
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { s.hcrun("lab", "down") })
	out, err := s.hcrun("lab", "status", "--json")
	if err == nil {
		err = json.Unmarshal(out, &s.status)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

func (s *simulated) name() string  { return "simulated" }
func (s *simulated) pace() float64 { return simulatedPace }

func (s *simulated) inventory() string {
	return fmt.Sprintf(`lab { pace = %d }
host "master1" { switch = "weak" }
host "master2" { switch = "weak" }
host "master3" { switch = "weak" }
group "control_plane" { hosts = ["master1", "master2", "master3"] }
`, simulatedPace)
}

func (s *simulated) environment() []string { return nil }

func (s *simulated) command(name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...)
}

func (s *simulated) hcrun(args ...string) ([]byte, error) {
	c := exec.Command(hcrun, args...)
	c.Env = append(os.Environ(), "HCRUN_STATE="+filepath.Join(s.dir, "state"))
	return c.Output()
}

func (s *simulated) shell(node, command string) *exec.Cmd {
	for _, n := range s.status.Nodes {
		if n.Name == node {
			return exec.Command("ssh", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile="+s.status.KnownHosts, "-o", "ConnectTimeout=30", "-i", s.status.Identity,
				"-p", fmt.Sprint(n.Port), "root@"+n.Host, command)
		}
	}
	return exec.Command("false")
}

func (s *simulated) lab(args ...string) error {
	out, err := s.hcrun(append([]string{"lab"}, args...)...)
	if err != nil {
		return fmt.Errorf("hcrun lab %v: %w: %s", args, err, out)
	}
	return nil
}

func (s *simulated) fillAuditDisk(node string) error  { return s.lab("break", node, "log-full") }
func (s *simulated) stopShipper(node string) error    { return s.lab("break", node, "loki-late") }
func (s *simulated) misleadShipper(node string) error { return s.lab("break", node, "loki-late") }
func (s *simulated) stopLoki() error                  { return s.lab("break", "master1", "loki-down") }
func (s *simulated) startLoki() error                 { return s.lab("mend", "master1") }
func (s *simulated) cut(node string) error            { return s.lab("break", node, "unreachable") }
func (s *simulated) mend(node string) error           { return s.lab("mend", node) }
func (s *simulated) pull(string) error                { return nil } // it reboots at once
func (s *simulated) boot(node string) error           { return s.lab("reboot", node) }
