package scenarios

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// sight is what was seen of a node's API server from a moment on.
type sight struct {
	at    time.Time
	state string
}

// is tells whether a state of the table was seen.
func (s sight) is(state string) bool {
	return s.state == state || state == "down" && (s.state == "none" || strings.HasSuffix(s.state, " ended"))
}

// The states, in the words of the table. The pod that runs first is the old one, the second the new one; a
// third is another one.
//
//	old ready    the old pod's container runs, and /readyz answers 200
//	old runs     it runs, and does not
//	old ended    there is only an ended one
//	none         there is no container
//	down         what the table asks for where it is all one whether there is none or an ended one: when the kubelet
//	             removes what has ended is its own affair, a blink later or with its next collection
//	wrote        (beside these) the manifest is another file than before
type watch struct {
	pace float64
	mu   sync.Mutex
	seen []sight
	uids []string
	file string // the manifest's inode
	stop chan struct{}
	done sync.WaitGroup
}

// look is what a node is asked, again and again.
var look = `while :; do printf '%s %s ' "$(stat -c %i ` + manifest + `)" "$(curl -sk -m 1 -o /dev/null -w '%{http_code}' https://127.0.0.1:6443/readyz)"
crictl ps -a --name '^kube-apiserver$' -o json | tr -d '\n'; echo; sleep 0.05; done`

// watch looks at a node until the scenario ends.
func (b *bench) watch(node string) *watch {
	b.Helper()
	w := &watch{pace: b.pace(), stop: make(chan struct{})}
	w.done.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			w.run(b.shell(node, look))
			time.Sleep(200 * time.Millisecond) // the plug may be pulled
		}
	})
	b.Cleanup(w.end)
	b.until("the old API server is seen", 30*time.Second, func() bool { return len(w.sights()) > 0 })
	return w
}

func (w *watch) end() {
	w.mu.Lock()
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *watch) run(c *exec.Cmd) {
	out, err := c.StdoutPipe()
	if err != nil || c.Start() != nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-w.stop:
		case <-ended:
		}
		c.Process.Kill()
		out.Close() // what runs on the node ends when it finds that nobody reads
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		w.line(lines.Text())
	}
	close(ended)
	c.Wait()
}

// line takes one look.
func (w *watch) line(text string) {
	inode, rest, _ := strings.Cut(text, " ")
	code, list, ok := strings.Cut(rest, " ")
	var ps struct {
		Containers []struct {
			State  string
			Labels map[string]string
		}
	}
	if !ok || json.Unmarshal([]byte(list), &ps) != nil {
		return // the connection, or the runtime, was going away
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	state := "none"
	running := 0
	for _, c := range ps.Containers {
		generation := w.generation(c.Labels["io.kubernetes.pod.uid"])
		switch {
		case c.State == "CONTAINER_RUNNING":
			if running++; code == "200" {
				state = generation + " ready"
			} else {
				state = generation + " runs"
			}
		case c.State == "CONTAINER_EXITED" && running == 0 && (state == "none" || generation != "old"):
			state = generation + " ended"
		}
	}
	if running > 1 {
		state = fmt.Sprint(running, " run")
	}
	now := time.Now()
	if w.file != "" && inode != w.file && inode != "" {
		w.seen = append(w.seen, sight{now, "wrote"})
	}
	w.file = inode
	for i := len(w.seen) - 1; i >= 0; i-- {
		if w.seen[i].state != "wrote" {
			if w.seen[i].state == state {
				return
			}
			break
		}
	}
	w.seen = append(w.seen, sight{now, state})
}

func (w *watch) generation(uid string) string {
	for i, u := range w.uids {
		if u == uid {
			return [...]string{"old", "new", "another"}[min(i, 2)]
		}
	}
	w.uids = append(w.uids, uid)
	return w.generation(uid)
}

func (w *watch) sights() []sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sight(nil), w.seen...)
}

// String is what was seen, in order, with seconds since the first change of the manifest.
func (w *watch) String() string {
	var b strings.Builder
	all := w.sights()
	var began time.Time
	for _, s := range all {
		if s.state == "wrote" && began.IsZero() {
			began = s.at
		}
	}
	for i, s := range all {
		if i > 0 {
			b.WriteString(" > ")
		}
		b.WriteString(s.state)
		if !began.IsZero() && !s.at.Before(began) {
			fmt.Fprintf(&b, " %.1f", s.at.Sub(began).Seconds()*w.pace)
		}
	}
	return b.String()
}

// missing is the first of the wanted states, "a > b > c", that does not come in this order, "" when all do.
func (w *watch) missing(wanted string) string {
	next := strings.Split(wanted, " > ")
	for _, s := range w.sights() {
		if len(next) > 0 && s.is(next[0]) {
			next = next[1:]
		}
	}
	if len(next) == 0 {
		return ""
	}
	return next[0]
}

// has tells whether a state was ever seen.
func (w *watch) has(state string) bool { return !w.first(state, time.Time{}).IsZero() }

// first is when a state was first seen at or after a time; zero when never.
func (w *watch) first(state string, after time.Time) time.Time {
	for _, s := range w.sights() {
		if s.state == state && !s.at.Before(after) {
			return s.at
		}
	}
	return time.Time{}
}

// between is how long it took from one moment to another, in the bed's own seconds.
func (w *watch) between(a, b time.Time) float64 {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	return b.Sub(a).Seconds() * w.pace
}
