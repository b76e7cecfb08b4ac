package lab

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

// bin is where the built programs are.
func bin(t *testing.T) string {
	dir := os.Getenv("HCRUN_E2E_BIN")
	if why := Missing(dir); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without " + why)
		}
		t.Skip("this machine has no " + why)
	}
	return dir
}

// TestBoot: a node comes up, loses its power, and comes up again with what it had.
func TestBoot(t *testing.T) {
	l, err := New(t.TempDir(), bin(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	all, err := l.Add(Options{Masters: 1})
	if err != nil {
		t.Fatal(err)
	}
	n := all[0]
	if err := n.Ready(90 * time.Second); err != nil {
		t.Fatal(err)
	}
	if out, err := n.Enter("hostname; crictl ps -o json | head -3; echo kept > /etc/kubernetes/kept; echo gone > /tmp/gone").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	} else {
		t.Log(string(out))
	}
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.Boot(); err != nil {
		t.Fatal(err)
	}
	if err := n.Ready(90 * time.Second); err != nil {
		t.Fatal(err)
	}
	if b, err := n.Enter("cat /etc/kubernetes/kept; cd /tmp; ls").CombinedOutput(); err != nil || string(b) != "kept\n" {
		t.Errorf("%q, %v", b, err)
	}
}
