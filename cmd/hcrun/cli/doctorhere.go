package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/inventory"
)

// examineHere looks at this machine, and returns the runs on hosts of the site, as far as they can be read.
func (a *app) examineHere(s *site, hosts []inventory.Host) (found []finding, past []*engine.Run) {
	say := func(check string, l level, do, format string, args ...any) {
		found = append(found, finding{Node: here, Check: check, Level: l, Text: fmt.Sprintf(format, args...), Do: do})
	}
	past = a.examineState(s, say)
	if s.lab != nil {
		say("lab", fine, "", "the nodes are those of lab %s on this machine; it has keys of its own", s.lab.ID)
		return found, past
	}
	a.examineKeys(s, hosts, say)
	var files []string
	for _, h := range hosts {
		files = append(files, s.config(h).KnownHosts...)
	}
	examineKnownHosts(files, say)
	return found, past
}

type sayFunc func(check string, l level, do, format string, args ...any)

// examineState looks at the state folder without making it.
func (a *app) examineState(s *site, say sayFunc) []*engine.Run {
	dir, err := a.stateDir()
	if err != nil {
		say("state", inTheWay, "", "%v", err)
		return nil
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		say("state", fine, "", "%s is not there yet; the first run makes it", dir)
		return nil
	}
	store, err := a.records()
	if err != nil {
		say("state", inTheWay, "", "%v", err)
		return nil
	}
	past, err := s.past(store)
	switch writable := unix.Access(dir, unix.W_OK|unix.X_OK); {
	case err != nil:
		say("state", inTheWay, "hcrun journal verify", "%v", err)
	case writable != nil:
		say("state", inTheWay, "name another folder with --state", "%s cannot be written: %v", dir, writable)
	default:
		say("state", fine, "", "%s: %d runs on these hosts, every journal whole", dir, len(past))
	}
	if who, busy := store.Holder(); busy {
		say("state", warning, "wait for it to end", "another hcrun is at work: %s", who)
	}
	return past
}

// examineKeys asks for something to log in with.
func (a *app) examineKeys(s *site, hosts []inventory.Host, say sayFunc) {
	var files []string
	agent, without := "", []string(nil)
	for _, h := range hosts {
		c := s.config(h)
		files = append(files, c.Identities...)
		if c.Agent != "" {
			agent = c.Agent
		}
		if c.Agent == "" && len(c.Identities) == 0 {
			without = append(without, h.Name)
		}
	}
	slices.Sort(files)
	files = slices.Compact(files)
	switch {
	case len(without) > 0:
		say("keys", inTheWay, "start an SSH agent and ssh-add a key, or name identity_files in the inventory", "there is no key to log in with to %s: no SSH agent and no key file", strings.Join(without, ", "))
	case agent == "":
		say("keys", fine, "", "no SSH agent; key files: %s", strings.Join(files, ", "))
	default:
		conn, err := net.DialTimeout("unix", agent, 2*time.Second)
		if err != nil {
			say("keys", warning, "start the agent again, or unset SSH_AUTH_SOCK", "nobody answers for the SSH agent at %s; key files: %s", agent, strings.Join(files, ", "))
			return
		}
		conn.Close()
		say("keys", fine, "", "an SSH agent answers; key files: %s", strings.Join(files, ", "))
	}
}

// examineKnownHosts asks who could put a key among the known ones.
func examineKnownHosts(files []string, say sayFunc) {
	slices.Sort(files)
	files = slices.Compact(files)
	there := 0
	for _, f := range files {
		info, err := os.Stat(f)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			say("known", inTheWay, "", "%v", err)
		case info.Mode().Perm()&0o022 != 0:
			say("known", inTheWay, "chmod go-w "+f, "%s has mode %04o: others can make any host a known one", f, info.Mode().Perm())
		default:
			say("known", fine, "", "%s", f)
		}
		there++
	}
	if there == 0 {
		say("known", warning, "hcrun trust HOST...", "there are no known hosts: none of %s is there", strings.Join(files, ", "))
	}
}

// unfinishedOn says what the journal knows of a node that is in the way.
func unfinishedOn(node string, past []*engine.Run) []finding {
	var found []finding
	for _, r := range past {
		if r.Node == node && r.Dirty() {
			found = append(found, finding{Node: node, Check: "runs", Level: inTheWay, code: engine.Preflight, Do: "hcrun resume " + r.ID + " (or: hcrun rollback " + r.ID + ")",
				Text: fmt.Sprintf("run %s of %s is unfinished (%s)", r.ID, r.Playbook, r.State)})
		}
	}
	for _, r := range engine.Unacknowledged(past) {
		if r.Node == node {
			found = append(found, finding{Node: node, Check: "runs", Level: warning, Do: "hcrun show " + r.ID + ", then hcrun ack " + r.ID + " --reason TEXT",
				Text: fmt.Sprintf("run %s of %s was eventful (%s) and waits for somebody to look; it holds other nodes", r.ID, r.Playbook, r.State)})
		}
	}
	return found
}
