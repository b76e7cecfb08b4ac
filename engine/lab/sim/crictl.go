package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Crictl is the command of that name, reading what a Node keeps in stateDir. Its exit code is 0 also
// where nothing matches, 1 for every error.
func Crictl(stateDir string, args []string, stdout, stderr io.Writer) int {
	c := crictl{out: stdout, err: stderr}
	if err := c.run(stateDir, args); err != nil {
		fmt.Fprintf(stderr, "time=%q level=fatal msg=%q\n", time.Now().Format(time.RFC3339), err.Error())
		return 1
	}
	return 0
}

type crictl struct {
	out, err io.Writer
	state    *criState
}

func (c *crictl) run(stateDir string, args []string) error {
	global, rest, err := parseOptions(args, optionSet{values: "runtime-endpoint r image-endpoint i timeout t config c", bools: "debug D version v help h"}, true)
	if err != nil {
		return err
	}
	if global.has("version") {
		fmt.Fprintln(c.out, "crictl version v1.34.0")
		return nil
	}
	if len(rest) == 0 || global.has("help") {
		return errors.New("a command is needed: ps, pods, inspect, inspectp, logs, images, version, info")
	}
	commands := map[string]struct {
		set optionSet
		run func(options, []string) error
	}{
		"ps":       {optionSet{values: "output o name state s label image pod p id last n namespace", bools: "all a quiet q latest l no-trunc verbose v resolve-image-path r"}, c.ps},
		"pods":     {optionSet{values: "output o name state s label id last n namespace", bools: "quiet q latest l no-trunc verbose v"}, c.pods},
		"inspect":  {optionSet{values: "output o", bools: "quiet q"}, c.inspect},
		"inspectp": {optionSet{values: "output o", bools: "quiet q"}, c.inspectp},
		"logs":     {optionSet{values: "tail since limit-bytes", bools: "timestamps t previous p"}, c.logs},
		"images":   {optionSet{values: "output o", bools: "quiet q no-trunc verbose v digests"}, c.images},
		"version":  {optionSet{}, c.version},
		"info":     {optionSet{values: "output o", bools: "quiet q"}, c.info},
	}
	command, ok := commands[rest[0]]
	if !ok {
		return fmt.Errorf("unknown command %q", rest[0])
	}
	o, operands, err := parseOptions(rest[1:], command.set, false)
	if err != nil {
		return err
	}
	if c.state, err = readCRI(stateDir); err != nil {
		return fmt.Errorf("validate service connection: validate CRI v1 runtime API for endpoint %q: rpc error: code = Unavailable desc = connection error", "unix:///run/containerd/containerd.sock")
	}
	return command.run(o, operands)
}

func (c *crictl) print(v any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table tells whether a listing is for people; other forms than json are refused.
func (o options) table() (bool, error) {
	switch o.get("output") {
	case "", "table":
		return true, nil
	case "json":
		return false, nil
	}
	return false, fmt.Errorf("unsupported output format %q", o.get("output"))
}

func (c *crictl) ps(o options, _ []string) error {
	table, err := o.table()
	if err != nil {
		return err
	}
	list, err := c.selected(o)
	if err != nil {
		return err
	}
	if o.has("quiet") {
		for _, x := range list {
			fmt.Fprintln(c.out, x.ID)
		}
		return nil
	}
	if !table {
		out := []any{}
		for _, x := range list {
			out = append(out, c.listed(x))
		}
		return c.print(map[string]any{"containers": out})
	}
	w := tabwriter.NewWriter(c.out, 4, 8, 4, ' ', 0)
	fmt.Fprintln(w, "CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD\tNAMESPACE")
	for _, x := range list {
		p := c.podOf(x)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", x.ID[:13], x.Image, x.CreatedAt.Format(time.DateTime),
			humanState(x.State), x.Name, x.Attempt, p.ID[:13], p.Name, p.Namespace)
	}
	return w.Flush()
}

func humanState(s string) string {
	s = strings.ToLower(strings.TrimPrefix(s, "CONTAINER_"))
	return strings.ToUpper(s[:1]) + s[1:]
}

// selected are the containers that the options of ps ask for, the newest first.
func (c *crictl) selected(o options) ([]criContainer, error) {
	name, err := regexp.Compile(o.get("name"))
	if err != nil {
		return nil, err
	}
	state := "CONTAINER_" + strings.ToUpper(o.get("state"))
	if o.has("state") && !slices.Contains([]string{created, running, exited, "CONTAINER_UNKNOWN"}, state) {
		return nil, fmt.Errorf("--state should be one of created, running, exited or unknown")
	}
	var out []criContainer
	for _, x := range slices.Backward(c.state.Containers) {
		p := c.podOf(x)
		switch {
		case o.has("state") && x.State != state, !o.has("state") && !o.has("all") && !o.has("latest") && x.State != running:
		case !name.MatchString(x.Name), !strings.HasPrefix(x.ID, o.get("id")), !strings.HasPrefix(p.ID, o.get("pod")):
		case o.has("namespace") && p.Namespace != o.get("namespace"), o.has("image") && x.Image != o.get("image"):
		case !labelled(c.labels(x), o.all("label")):
		default:
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b criContainer) int { return b.CreatedAt.Compare(a.CreatedAt) })
	if o.has("latest") && len(out) > 1 {
		out = out[:1]
	}
	return out, nil
}

func labelled(labels map[string]string, want []string) bool {
	for _, w := range want {
		k, v, _ := strings.Cut(w, "=")
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func (c *crictl) podOf(x criContainer) criPod {
	for _, p := range c.state.Pods {
		if p.ID == x.PodID {
			return p
		}
	}
	return criPod{ID: x.PodID}
}

// one finds a container by the beginning of its id.
func (c *crictl) one(operands []string) (criContainer, error) {
	if len(operands) == 0 || operands[0] == "" {
		return criContainer{}, errors.New("ID cannot be empty")
	}
	for _, x := range c.state.Containers {
		if strings.HasPrefix(x.ID, operands[0]) {
			return x, nil
		}
	}
	return criContainer{}, fmt.Errorf("rpc error: code = NotFound desc = an error occurred when try to find container %q: not found", operands[0])
}

// logs prints what the container wrote, each stream to ours of that name.
func (c *crictl) logs(o options, operands []string) error {
	x, err := c.one(operands)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(c.state.Root, x.LogPath))
	if errors.Is(err, os.ErrNotExist) && x.State != exited {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to try resolving symlinks in path %q: lstat %s: no such file or directory", x.LogPath, x.LogPath)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	n, err := o.number("tail", -1)
	if err != nil {
		return err
	}
	if n >= 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	for _, l := range lines {
		at, rest, _ := strings.Cut(l, " ")
		stream, rest, _ := strings.Cut(rest, " ")
		_, text, _ := strings.Cut(rest, " ")
		if o.has("timestamps") {
			text = at + " " + text
		}
		switch stream {
		case "stdout":
			fmt.Fprintln(c.out, text)
		case "stderr":
			fmt.Fprintln(c.err, text)
		}
	}
	return nil
}
