package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// States of a container as crictl prints them.
const (
	criRunning = "CONTAINER_RUNNING"
	criExited  = "CONTAINER_EXITED"
)

// observeTimeout is how long one command on the node may take, minObserve the least real time.
const (
	observeTimeout = 30 * time.Second
	minObserve     = 10 * time.Second
	maxContainers  = 1000
)

// criID is what may be an id; it is given back to crictl as an argument.
var criID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_.-]{0,127}$`)

// container is one row of crictl ps.
type container struct {
	ID        string
	UID       string // of its pod
	Pod       string
	Namespace string
	Name      string
	State     string
	Attempt   int64
	Created   int64 // nanoseconds since 1970 by the node's clock
}

// short is the id as operators know it.
func (c container) short() string { return c.ID[:min(len(c.ID), 12)] }

// runs is what crictl inspect knows of a container.
type runs struct {
	Args   []string
	Exit   int64
	Reason string
	Log    string            // where the runtime writes what it prints
	Mounts map[string]string // path in the container -> path on the node; nil when it is not told
	Raw    []byte
}

// number reads int64s, which crictl prints as strings in some places and as numbers in others.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = number(v)
	return err
}

// observe is w.Observe with a deadline of its own, so that a command that hangs on the node is one
// look that gave nothing and not the end of the wait.
func observe(ctx context.Context, w engine.Watch, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, max(w.Clock.Real(observeTimeout), minObserve))
	defer cancel()
	return w.Observe(ctx, argv...)
}

// containers lists every container called name, in any state.
func containers(ctx context.Context, w engine.Watch, name string) ([]container, error) {
	out, err := observe(ctx, w, "crictl", "--timeout=10s", "ps", "-a", "--name", name, "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Containers []struct {
			ID       string `json:"id"`
			Metadata struct {
				Name    string `json:"name"`
				Attempt number `json:"attempt"`
			} `json:"metadata"`
			State     string            `json:"state"`
			CreatedAt number            `json:"createdAt"`
			Labels    map[string]string `json:"labels"`
		} `json:"containers"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("crictl ps answered something that is not its JSON: %w", err)
	}
	if len(list.Containers) > maxContainers {
		return nil, fmt.Errorf("crictl ps lists %d containers called %q", len(list.Containers), name)
	}
	var all []container
	for _, c := range list.Containers {
		if c.Metadata.Name != name { // crictl takes the name as a regular expression
			continue
		}
		if !criID.MatchString(c.ID) {
			return nil, fmt.Errorf("crictl ps lists a container with the id %q", c.ID)
		}
		all = append(all, container{
			ID: c.ID, Name: name, State: c.State, Attempt: int64(c.Metadata.Attempt), Created: int64(c.CreatedAt),
			UID: c.Labels["io.kubernetes.pod.uid"], Pod: c.Labels["io.kubernetes.pod.name"], Namespace: c.Labels["io.kubernetes.pod.namespace"],
		})
	}
	return all, nil
}

// inspect asks the runtime what a container runs.
func inspect(ctx context.Context, w engine.Watch, id string) (runs, error) {
	out, err := observe(ctx, w, "crictl", "--timeout=10s", "inspect", "-o", "json", id)
	if err != nil {
		return runs{}, err
	}
	var d struct {
		Status struct {
			ExitCode number `json:"exitCode"`
			Reason   string `json:"reason"`
			LogPath  string `json:"logPath"`
			Mounts   []struct {
				ContainerPath string `json:"containerPath"`
				HostPath      string `json:"hostPath"`
			} `json:"mounts"`
		} `json:"status"`
		Info struct {
			RuntimeSpec struct {
				Process struct {
					Args []string `json:"args"`
				} `json:"process"`
			} `json:"runtimeSpec"`
		} `json:"info"`
	}
	if err := json.Unmarshal(out, &d); err != nil {
		return runs{}, fmt.Errorf("crictl inspect answered something that is not its JSON: %w", err)
	}
	r := runs{Args: d.Info.RuntimeSpec.Process.Args, Exit: int64(d.Status.ExitCode), Reason: d.Status.Reason, Log: d.Status.LogPath, Raw: out}
	for _, m := range d.Status.Mounts {
		if r.Mounts == nil {
			r.Mounts = map[string]string{}
		}
		r.Mounts[m.ContainerPath] = m.HostPath
	}
	return r, nil
}

// crictlProblem says why crictl could not be asked, for a node that nothing was written to.
func crictlProblem(node string, err error) *engine.Problem {
	p := engine.Problemf(engine.Preflight, "crictl on %s: %w", node, err)
	exit, ok := errors.AsType[*engine.ExitError](err)
	switch {
	case ok && (exit.Code == 127 || exit.Code == 126):
		p.What = fmt.Sprintf("crictl cannot be run on %s, and without it nobody can tell which container runs", node)
		p.Next = "install cri-tools on " + node
	case ok:
		p.What = fmt.Sprintf("crictl on %s gets no answer from the container runtime: %s", node, line(exit.Stderr))
		p.Next = "check the runtime's socket and /etc/crictl.yaml on " + node
	}
	return p
}

// nodeTime is the node's clock in nanoseconds since 1970.
func nodeTime(ctx context.Context, w engine.Watch) (int64, error) {
	out, err := observe(ctx, w, "date", "+%s%N")
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(out))
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n <= 0:
	case n >= int64(time.Hour*24*365): // no second of this age has as many digits
		return n, nil
	default: // a date that does not know %N
		return n * int64(time.Second), nil
	}
	return 0, engine.Problemf(engine.Preflight, "date on %s answered %q, which is no time", w.Name(), line(text))
}

// line is the first line of a text, not longer than a sentence can bear.
func line(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return cut(s, 300)
}

// cut shortens s to at most n bytes, at a rune's edge.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
