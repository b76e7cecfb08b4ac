package sim

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// The JSON of the container runtime interface as crictl prints it: defaults are written out, 64-bit
// numbers are strings.

func (c *crictl) labels(x criContainer) map[string]string {
	p := c.podOf(x)
	return map[string]string{"io.kubernetes.container.name": x.Name, "io.kubernetes.pod.name": p.Name,
		"io.kubernetes.pod.namespace": p.Namespace, "io.kubernetes.pod.uid": p.UID}
}

func (x criContainer) annotations() map[string]string {
	return map[string]string{"io.kubernetes.container.hash": x.Hash, "io.kubernetes.container.restartCount": strconv.Itoa(x.Attempt),
		"io.kubernetes.container.terminationMessagePath": "/dev/termination-log", "io.kubernetes.container.terminationMessagePolicy": "File",
		"io.kubernetes.pod.terminationGracePeriod": strconv.FormatInt(x.Grace, 10)}
}

func image(name string) map[string]any {
	return map[string]any{"annotations": map[string]any{}, "image": digest(name), "runtimeHandler": "", "userSpecifiedImage": name}
}

// listed is one container of ps -o json.
func (c *crictl) listed(x criContainer) map[string]any {
	return map[string]any{"annotations": x.annotations(), "createdAt": strconv.FormatInt(x.CreatedAt.UnixNano(), 10), "id": x.ID,
		"image": image(x.Image), "imageId": digest(x.Image), "imageRef": digest(x.Image), "labels": c.labels(x),
		"metadata": map[string]any{"attempt": x.Attempt, "name": x.Name}, "podSandboxId": x.PodID, "state": x.State}
}

// moment is a time in inspect: the zero one where it has not come.
func moment(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.Format(time.RFC3339Nano)
}

func (c *crictl) inspect(o options, operands []string) error {
	if err := inspectOutput(o); err != nil {
		return err
	}
	x, err := c.one(operands)
	if err != nil {
		return err
	}
	mounts, specMounts := []any{}, []any{}
	for _, m := range x.Mounts {
		mounts = append(mounts, map[string]any{"containerPath": m.ContainerPath, "gidMappings": []any{}, "hostPath": m.HostPath,
			"image": nil, "imageSubPath": "", "propagation": "PROPAGATION_PRIVATE", "readonly": m.ReadOnly, "recursiveReadOnly": false,
			"selinuxRelabel": false, "uidMappings": []any{}})
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		specMounts = append(specMounts, map[string]any{"destination": m.ContainerPath, "type": "bind", "source": m.HostPath,
			"options": []string{"rbind", "rprivate", mode}})
	}
	reason := ""
	if x.State == exited {
		reason = "Completed"
		if x.ExitCode != 0 {
			reason = "Error"
		}
	}
	status := map[string]any{"annotations": x.annotations(), "createdAt": moment(x.CreatedAt), "exitCode": x.ExitCode,
		"finishedAt": moment(x.FinishedAt), "id": x.ID, "image": image(x.Image), "imageId": digest(x.Image), "imageRef": digest(x.Image),
		"labels": c.labels(x), "logPath": x.LogPath, "message": "", "metadata": map[string]any{"attempt": x.Attempt, "name": x.Name},
		"mounts": mounts, "reason": reason, "startedAt": moment(x.StartedAt), "state": x.State, "user": nil}
	process := map[string]any{"user": map[string]any{"uid": 0, "gid": 0, "additionalGids": []int{0}}, "args": x.Args,
		"env": append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + c.state.Node}, x.Env...),
		"cwd": "/", "oomScoreAdj": -997}
	info := map[string]any{"pid": x.PID, "removing": false, "runtimeSpec": map[string]any{"ociVersion": "1.2.1", "process": process,
		"root": map[string]any{"path": "rootfs"}, "mounts": specMounts, "annotations": map[string]string{
			"io.kubernetes.cri.container-name": x.Name, "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.image-name": x.Image,
			"io.kubernetes.cri.sandbox-id": x.PodID}},
		"runtimeType": "io.containerd.runc.v2", "sandboxID": x.PodID, "snapshotKey": x.ID, "snapshotter": "overlayfs"}
	if x.State == exited {
		info["pid"] = 0
	}
	return c.print(map[string]any{"info": info, "status": status})
}

func inspectOutput(o options) error {
	if f := o.get("output"); f != "" && f != "json" {
		return fmt.Errorf("unsupported output format %q", f)
	}
	return nil
}

func podJSON(p criPod) map[string]any {
	return map[string]any{"annotations": p.Annotations, "createdAt": strconv.FormatInt(p.CreatedAt.UnixNano(), 10), "id": p.ID,
		"labels":         map[string]string{"io.kubernetes.pod.name": p.Name, "io.kubernetes.pod.namespace": p.Namespace, "io.kubernetes.pod.uid": p.UID},
		"metadata":       map[string]any{"attempt": p.Attempt, "name": p.Name, "namespace": p.Namespace, "uid": p.UID},
		"runtimeHandler": "", "state": "SANDBOX_READY"}
}

func (c *crictl) pods(o options, _ []string) error {
	table, err := o.table()
	if err != nil {
		return err
	}
	name, err := regexp.Compile(o.get("name"))
	if err != nil {
		return err
	}
	list := []criPod{}
	for _, p := range slices.Backward(c.state.Pods) {
		if name.MatchString(p.Name) && strings.HasPrefix(p.ID, o.get("id")) && (!o.has("namespace") || p.Namespace == o.get("namespace")) &&
			(!o.has("state") || strings.EqualFold(o.get("state"), "ready")) &&
			labelled(podJSON(p)["labels"].(map[string]string), o.all("label")) {
			list = append(list, p)
		}
	}
	switch {
	case o.has("quiet"):
		for _, p := range list {
			fmt.Fprintln(c.out, p.ID)
		}
		return nil
	case !table:
		items := []any{}
		for _, p := range list {
			items = append(items, podJSON(p))
		}
		return c.print(map[string]any{"items": items})
	}
	w := tabwriter.NewWriter(c.out, 4, 8, 4, ' ', 0)
	fmt.Fprintln(w, "POD ID\tCREATED\tSTATE\tNAME\tNAMESPACE\tATTEMPT\tRUNTIME")
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\tReady\t%s\t%s\t%d\t(default)\n", p.ID[:13], p.CreatedAt.Format(time.DateTime), p.Name, p.Namespace, p.Attempt)
	}
	return w.Flush()
}

func (c *crictl) inspectp(o options, operands []string) error {
	if err := inspectOutput(o); err != nil {
		return err
	}
	if len(operands) == 0 || operands[0] == "" {
		return errors.New("ID cannot be empty")
	}
	for _, p := range c.state.Pods {
		if strings.HasPrefix(p.ID, operands[0]) {
			status := podJSON(p)
			status["createdAt"] = moment(p.CreatedAt)
			return c.print(map[string]any{"status": status, "info": map[string]any{"image": pauseImage, "snapshotter": "overlayfs"}})
		}
	}
	return fmt.Errorf("rpc error: code = NotFound desc = an error occurred when try to find sandbox %q: not found", operands[0])
}

func (c *crictl) images(o options, _ []string) error {
	table, err := o.table()
	if err != nil {
		return err
	}
	list := []any{}
	for _, i := range images() {
		switch {
		case o.has("quiet"):
			fmt.Fprintln(c.out, digest(i))
		case table:
			fmt.Fprintln(c.out, i, digest(i)[7:20])
		}
		list = append(list, map[string]any{"id": digest(i), "repoTags": []string{i}, "repoDigests": []string{}, "pinned": i == pauseImage, "size": "0", "username": ""})
	}
	if table || o.has("quiet") {
		return nil
	}
	return c.print(map[string]any{"images": list})
}

func (c *crictl) version(options, []string) error {
	fmt.Fprint(c.out, "Version:  0.1.0\nRuntimeName:  containerd\nRuntimeVersion:  v2.1.4\nRuntimeApiVersion:  v1\n")
	return nil
}

func (c *crictl) info(options, []string) error {
	condition := func(kind string) any {
		return map[string]any{"type": kind, "status": true, "reason": "", "message": ""}
	}
	return c.print(map[string]any{"status": map[string]any{"conditions": []any{condition("RuntimeReady"), condition("NetworkReady")}},
		"config": map[string]any{"containerdEndpoint": "/run/containerd/containerd.sock"}})
}
