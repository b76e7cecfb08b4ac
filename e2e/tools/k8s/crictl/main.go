// Command crictl is the part of crictl that hcrun and its scenarios use, on the same client library and with
// the same output for programs: the real one cannot be had as a Go module.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	core "k8s.io/api/core/v1"
	internalapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	client "k8s.io/cri-client/pkg"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/klog/v2"
)

// tool is one call.
type tool struct {
	endpoint string
	timeout  time.Duration
	output   string
	runtime  internalapi.RuntimeService
}

func main() {
	t := &tool{}
	root := &cobra.Command{Use: "crictl", SilenceUsage: true, SilenceErrors: true, PersistentPreRunE: func(*cobra.Command, []string) (err error) {
		logger := klog.Background()
		t.runtime, err = client.NewRemoteRuntimeService(t.socket(), t.timeout, nil, &logger)
		return err
	}}
	root.PersistentFlags().StringVarP(&t.endpoint, "runtime-endpoint", "r", "", "socket of the container runtime")
	root.PersistentFlags().DurationVarP(&t.timeout, "timeout", "t", 2*time.Second, "of the connection")
	root.AddCommand(t.ps(), t.inspect(), t.logs(), t.simple("version", "", t.version), t.simple("stop", "ID", t.stop), t.simple("rm", "ID", t.rm))
	klog.SetOutput(os.Stderr)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "FATA", err)
		os.Exit(1)
	}
}

// socket is the runtime's: by the flag, the environment, or /etc/crictl.yaml.
func (t *tool) socket() string {
	if t.endpoint != "" {
		return t.endpoint
	}
	if s := os.Getenv("CONTAINER_RUNTIME_ENDPOINT"); s != "" {
		return s
	}
	config, _ := os.ReadFile("/etc/crictl.yaml")
	for line := range strings.Lines(string(config)) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "runtime-endpoint:"); ok {
			return strings.TrimSpace(s)
		}
	}
	return "unix:///run/containerd/containerd.sock"
}

func (t *tool) simple(use, arg string, do func(context.Context, []string) error) *cobra.Command {
	n := 0
	if arg != "" {
		n = 1
	}
	return &cobra.Command{Use: strings.TrimSpace(use + " " + arg), Args: cobra.ExactArgs(n), RunE: func(c *cobra.Command, args []string) error { return do(c.Context(), args) }}
}

func (t *tool) ps() *cobra.Command {
	var all, quiet, noTrunc bool
	var name, state, pod, output string
	var labels map[string]string
	c := &cobra.Command{Use: "ps", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		filter := &cri.ContainerFilter{LabelSelector: labels, PodSandboxId: pod}
		switch want := strings.ToLower(state); {
		case want != "":
			s, ok := map[string]cri.ContainerState{"created": 0, "running": 1, "exited": 2, "unknown": 3}[want]
			if !ok {
				return fmt.Errorf("--state should be one of created, running, exited or unknown")
			}
			filter.State = &cri.ContainerStateValue{State: s}
		case !all:
			filter.State = &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}
		}
		re, err := regexp.Compile(name)
		if err != nil {
			return err
		}
		found, err := t.runtime.ListContainers(c.Context(), filter)
		if err != nil {
			return fmt.Errorf("list containers: %w", err)
		}
		found = slices.DeleteFunc(found, func(c *cri.Container) bool { return !re.MatchString(c.GetMetadata().GetName()) })
		slices.SortStableFunc(found, func(a, b *cri.Container) int { return int(b.CreatedAt - a.CreatedAt) })
		if output == "json" && !quiet {
			return printProto(&cri.ListContainersResponse{Containers: found})
		}
		for _, c := range found {
			switch {
			case quiet:
				fmt.Println(c.Id)
			default:
				fmt.Printf("%.13s  %-10s  %-20s  %s\n", c.Id, strings.TrimPrefix(c.State.String(), "CONTAINER_"), c.GetMetadata().GetName(), time.Unix(0, c.CreatedAt).Format(time.RFC3339))
			}
		}
		return nil
	}}
	c.Flags().BoolVarP(&all, "all", "a", false, "show all containers")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "only ids")
	c.Flags().BoolVar(&noTrunc, "no-trunc", false, "whole ids")
	c.Flags().StringVar(&name, "name", "", "regular expression of the name")
	c.Flags().StringVarP(&state, "state", "s", "", "state")
	c.Flags().StringVarP(&pod, "pod", "p", "", "id of the pod")
	c.Flags().StringToStringVar(&labels, "label", nil, "label")
	c.Flags().StringVarP(&output, "output", "o", "table", "json or table")
	return c
}

// inspect prints the status as the real one does: the info of the runtime is JSON in a text there.
func (t *tool) inspect() *cobra.Command {
	c := &cobra.Command{Use: "inspect ID", RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("ID cannot be empty")
		}
		r, err := t.runtime.ContainerStatus(c.Context(), args[0], true)
		if err != nil {
			return fmt.Errorf("getting the status of the container %q: %w", args[0], err)
		}
		b, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(r.Status)
		if err != nil {
			return err
		}
		var status map[string]any
		if err := json.Unmarshal(b, &status); err != nil {
			return err
		}
		for name, at := range map[string]int64{"createdAt": r.Status.CreatedAt, "startedAt": r.Status.StartedAt, "finishedAt": r.Status.FinishedAt} {
			status[name] = time.Time{}.Format(time.RFC3339Nano)
			if at != 0 {
				status[name] = time.Unix(0, at).Format(time.RFC3339Nano)
			}
		}
		out := map[string]any{"status": status}
		for k, v := range r.Info {
			var x any
			if json.Unmarshal([]byte(v), &x) != nil {
				x = v
			}
			out[k] = x
		}
		if info, ok := out["info"]; !ok || info == nil {
			out["info"] = map[string]any{}
		}
		text, err := json.MarshalIndent(out, "", "  ")
		fmt.Println(string(text))
		return err
	}}
	c.Flags().StringVarP(&t.output, "output", "o", "json", "json")
	return c
}

func (t *tool) logs() *cobra.Command {
	var tail int64
	var follow bool
	c := &cobra.Command{Use: "logs ID", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r, err := t.runtime.ContainerStatus(c.Context(), args[0], false)
		if err != nil {
			return err
		}
		wanted := &core.PodLogOptions{Follow: follow}
		if tail >= 0 {
			wanted.TailLines = &tail
		}
		options := logs.NewLogOptions(wanted, time.Now())
		logger := klog.Background()
		return logs.ReadLogs(c.Context(), &logger, r.Status.LogPath, r.Status.Id, options, t.runtime, os.Stdout, os.Stderr)
	}}
	c.Flags().Int64Var(&tail, "tail", -1, "lines from the end")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "follow")
	return c
}

func (t *tool) version(ctx context.Context, _ []string) error {
	v, err := t.runtime.Version(ctx, "v1")
	if err == nil {
		fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n", v.Version, v.RuntimeName, v.RuntimeVersion, v.RuntimeApiVersion)
	}
	return err
}

func (t *tool) stop(ctx context.Context, args []string) error {
	return t.runtime.StopContainer(ctx, args[0], 0)
}
func (t *tool) rm(ctx context.Context, args []string) error {
	return t.runtime.RemoveContainer(ctx, args[0])
}

func printProto(m proto.Message) error {
	b, err := protojson.MarshalOptions{EmitDefaultValues: true, Indent: "  "}.Marshal(m)
	fmt.Println(string(b))
	return err
}
