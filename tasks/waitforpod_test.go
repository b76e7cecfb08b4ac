package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	oldManifest = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver, --secure-port=6443]
    volumeMounts: [{name: pki, mountPath: /etc/kubernetes/pki}]
  volumes: [{name: pki, hostPath: {path: /etc/kubernetes/pki}}]
`
	manifestAt = "/etc/kubernetes/manifests/kube-apiserver.yaml"
)

var newManifest = strings.Replace(oldManifest, "6443]", "6443, --audit-log-path=/var/log/a.log]", 1)

// pod is a container of the script.
type pod struct {
	id, uid string
	state   string // "run", "exit" or "new"
	args    string // beside kube-apiserver --secure-port=6443
	attempt int
	exit    int
	born    time.Duration // since the change
	mounts  string        // JSON, "" for those of the manifests
}

// frame is what is there from a moment on, in seconds since the change.
type frame struct {
	at    float64
	pods  []pod
	ready int // 0: refused
	files map[string]string
}

// control is a scripted control plane.
type control struct {
	scripted
	began  time.Time // when the change happened
	frames []frame
	stop   func()
	asked  []string
}

const audit = "--audit-log-path=/var/log/a.log"

// was is the container that ran before.
var was = pod{id: "0ld0ld0ld0ld0ld", uid: "uid-old", state: "run", born: -time.Hour}

func newControl(t *testing.T, frames []frame) *control {
	c := &control{frames: frames, began: time.Now().Add(time.Hour)}
	ca, config := authority(t, "kubernetes")
	c.files = map[string]string{
		manifestAt:                            oldManifest,
		"/etc/kubernetes/manifests/etcd.yaml": strings.ReplaceAll(oldManifest, "kube-apiserver", "etcd"),
		"/etc/kubernetes/manifests/.kube.tmp": "half",
		"/etc/kubernetes/pki/ca.crt":          ca,
		"/var/lib/kubelet/config.yaml":        "staticPodPath: /etc/kubernetes/manifests\nfileCheckFrequency: 0s\n",
	}
	c.commands = c.run
	_, c.stop = c.serve("127.0.0.1:6443", config, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(c.now().ready)
		fmt.Fprint(w, "[+]ping ok\n[-]etcd failed: reason withheld\n")
	})
	return c
}

// now is the frame of this moment; before the change it is the first.
func (c *control) now() frame {
	f := c.frames[0]
	for _, next := range c.frames {
		if time.Since(c.began).Seconds() >= next.at {
			f = next
		}
	}
	c.servers["127.0.0.1:6443"].down.Store(f.ready == 0)
	for at, text := range f.files {
		c.files[at] = text
	}
	return f
}

func (c *control) run(argv []string) (string, error) {
	f := c.now()
	c.asked = append(c.asked, strings.Join(argv, " "))
	last := argv[len(argv)-1]
	switch {
	case argv[0] == "systemctl":
		return "active\n", nil
	case argv[0] == "journalctl":
		return "I1 fine\nE2 CreateContainerError: not a directory\nI3 fine\n", nil
	case argv[2] == "ps":
		return c.ps(f), nil
	}
	for _, p := range f.pods {
		if p.id != last {
			continue
		}
		if argv[2] == "logs" {
			return "", nil // the log of a server goes to standard error
		}
		args, _ := json.Marshal(strings.Fields("kube-apiserver --secure-port=6443 " + p.args))
		mounts := p.mounts
		if mounts == "" {
			mounts = `[{"containerPath":"/etc/kubernetes/pki","hostPath":"/etc/kubernetes/pki"},{"containerPath":"/etc/hosts","hostPath":"/var/lib/kubelet/pods/x/etc-hosts"}]`
		}
		return fmt.Sprintf(`{"status":{"exitCode":%d,"reason":"Error","logPath":"/var/log/pods/p/0.log","mounts":%s},"info":{"runtimeSpec":{"process":{"args":%s}}}}`, p.exit, mounts, args), nil
	}
	if argv[0] == "tail" {
		return "2026-11-25T10:00:00.1Z stderr F E1 \"command failed\" err=\"loading audit policy file: rules[0].level\"\n", nil
	}
	return "", &engine.ExitError{Argv: argv, Code: 1, Stderr: "not found"}
}

func (c *control) ps(f frame) string {
	states := map[string]string{"run": "CONTAINER_RUNNING", "exit": "CONTAINER_EXITED", "new": "CONTAINER_CREATED"}
	var rows []string
	for _, p := range f.pods {
		rows = append(rows, fmt.Sprintf(`{"id":%q,"metadata":{"name":"kube-apiserver","attempt":%d},"state":%q,"createdAt":"%d","labels":{"io.kubernetes.pod.uid":%q,"io.kubernetes.pod.name":"kube-apiserver-master1","io.kubernetes.pod.namespace":"kube-system"}}`,
			p.id, p.attempt, states[p.state], c.began.Add(p.born).UnixNano(), p.uid))
	}
	rows = append(rows, `{"id":"ffff","metadata":{"name":"kube-apiserver-helper","attempt":0},"state":"CONTAINER_RUNNING","createdAt":"1","labels":{}}`)
	return `{"containers":[` + strings.Join(rows, ",") + `]}`
}

// change is the run's change of the manifest.
func change(before, after string) []engine.Change {
	img := func(text string) engine.Image {
		if text == "" {
			return engine.Image{Kind: engine.Absent}
		}
		return engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte(text))}
	}
	return []engine.Change{
		{At: "/etc/kubernetes/audit-policy.yaml", Before: img(""), After: img("x")},
		{At: manifestAt, Before: img(before), After: img(after)},
	}
}

func apiserver() *WaitForPod {
	return &WaitForPod{Name: "kube-apiserver", Manifest: manifestAt, Ready: "https://127.0.0.1:6443/readyz"}
}

func exited(p pod, code int) pod { p.state, p.exit = "exit", code; return p }

func TestWaitForPod(t *testing.T) {
	fresh := pod{id: "new1new1new1new1", uid: "uid-new", state: "run", args: audit, born: 37 * time.Second}
	second := pod{id: "new2new2new2new2", uid: "uid-new", state: "run", args: audit, attempt: 1, born: 40 * time.Second}
	stray := pod{id: "5tray5tray5tray", uid: "uid-bak", state: "run", born: 60 * time.Second}
	back := pod{id: "backbackback", uid: "uid-old", state: "run", born: 37 * time.Second}
	bad := pod{id: "badbadbadbad", uid: "uid-new", state: "run", args: audit, born: -time.Minute}
	normal := []frame{
		{0, []pod{was}, 200, nil},
		{0.1, []pod{was}, 0, nil},
		{30, []pod{exited(was, 137)}, 0, nil},
		{31, nil, 0, nil},
		{37, []pod{{id: fresh.id, uid: fresh.uid, state: "new", born: fresh.born}}, 0, nil},
		{38, []pod{fresh}, 0, nil},
		{39, []pod{fresh}, 403, nil},
		{40, []pod{fresh}, 500, nil},
		{42, []pod{fresh}, 200, nil},
	}
	undone := func(frames ...frame) []frame { return append([]frame{{0, []pod{bad}, 500, nil}}, frames...) }
	tests := []struct {
		name     string
		frames   []frame
		undoing  bool
		task     func(*WaitForPod)
		min, max float64 // seconds it may take
		want     []string
		said     []string
	}{
		{
			name: "normal sequence", frames: normal, min: 72, max: 80, want: []string{"proven"},
			said: []string{"the old container 0ld0ld0ld0ld still runs", "no new one yet", "created", "connection refused", "answers 403", "answers 500 (etcd failing)", "watching it for 30s", "good for 30s"},
		},
		{
			name: "crash loop ends early with the log", frames: append(normal[:4:4], frame{37, []pod{exited(fresh, 1)}, 0, nil}), min: 37, max: 39,
			want: []string{"failed: the new container new1new1new1 of kube-apiserver exited with status 1", `err="loading audit policy file`},
		},
		{
			name: "crash between two looks", frames: append(normal[:4:4], frame{40, []pod{second}, 0, nil}), min: 40, max: 42,
			want: []string{"failed: the new container of kube-apiserver was restarted 1 times"},
		},
		{
			name: "an exit with 0 is no crash", frames: append(normal[:4:4], frame{37, []pod{exited(fresh, 0)}, 0, nil}), min: 180, max: 182,
			want: []string{"failed: kube-apiserver was not good within 3m"},
		},
		{
			name: "never ready", frames: append(normal[:8:8], frame{42, []pod{fresh}, 500, nil}), min: 180, max: 182,
			want: []string{"failed: kube-apiserver was not good within 3m: container new1new1new1 runs", "answers 500 (etcd failing)"},
		},
		{
			name: "refuses the unauthenticated", frames: append(normal[:8:8], frame{42, []pod{fresh}, 401, nil}), min: 180, max: 182,
			want: []string{"failed: ", "answers 401", "--anonymous-auth"},
		},
		{
			name: "flap", frames: flap(normal, fresh), min: 180, max: 212,
			want: []string{"failed: ", "it was good", "never for 30s"}, said: []string{"watching it", "no longer good", "watching it"},
		},
		{
			name: "one bad answer starts the stable time again", frames: append(normal[:9:9], frame{60, []pod{fresh}, 500, nil}, frame{62, []pod{fresh}, 200, nil}), min: 92, max: 98, want: []string{"proven"},
		},
		{
			name: "no container", frames: normal[:4], min: 180, max: 182,
			want: []string{"failed: ", "no new one yet; the kubelet's log has: CreateContainerError: not a directory |"},
		},
		{
			name: "old pod still healthy", frames: []frame{{0, []pod{was}, 200, nil}}, min: 180, max: 182,
			want: []string{"failed: ", "the old container 0ld0ld0ld0ld still runs"},
		},
		{
			name: "old pod restarted is not new", frames: []frame{{0, []pod{was}, 200, nil}, {10, []pod{{id: "0ld2", uid: "uid-old", state: "run", args: audit, born: 10 * time.Second}}, 200, nil}}, min: 180, max: 182,
			want: []string{"failed: ", "the old container 0ld2 still runs"},
		},
		{
			name: "created before the change by the node's clock", frames: []frame{{0, []pod{was}, 200, nil}, {10, []pod{{id: "early", uid: "uid-e", state: "run", args: audit, born: -2 * time.Hour}}, 200, nil}}, min: 180, max: 182,
			want: []string{"failed: ", "the old container early still runs"},
		},
		{
			name: "kubelet is slow", frames: []frame{{0, []pod{was}, 200, nil}, {90, []pod{fresh}, 200, nil}}, min: 120, max: 125, want: []string{"proven"},
		},
		{
			name: "runs with other arguments", frames: []frame{{0, []pod{was}, 200, nil}, {40, []pod{{id: fresh.id, uid: fresh.uid, state: "run", born: fresh.born}}, 200, nil}}, min: 180, max: 182,
			want: []string{"failed: ", "it runs without " + audit},
		},
		{
			name: "two at once", frames: append(normal[:9:9], frame{50, []pod{fresh, stray}, 200, nil}), min: 180, max: 182,
			want: []string{"failed: ", "2 containers run at once"},
		},
		{
			name: "a stray manifest takes over", min: 60, max: 62, frames: append(normal[:9:9], frame{60, []pod{stray}, 200, map[string]string{manifestAt + ".bak": oldManifest}}),
			want: []string{"failed: container new1new1new1 of kube-apiserver was good and is gone again, and container 5tray5tray5t runs instead", manifestAt + ".bak is not a manifest by its name"},
		},
		{
			name: "a stray manifest that does not run at the moment", min: 72, max: 74, frames: append(normal[:9:9], frame{60, []pod{fresh}, 200, map[string]string{manifestAt + ".bak": oldManifest}}),
			want: []string{"failed: kube-apiserver runs as the manifest says, but " + manifestAt + ".bak has come, which is not a manifest by its name"},
		},
		{
			name: "without an address", frames: normal, task: func(w *WaitForPod) { w.Ready = "" }, min: 68, max: 72, want: []string{"proven"},
		},
		{
			name: "many passes", frames: normal, task: func(w *WaitForPod) { w.Passes = 20 }, min: 80, max: 90, want: []string{"proven"},
		},
		{
			name: "down: the old UID comes back", undoing: true, frames: undone(frame{2, []pod{exited(bad, 137)}, 0, nil}, frame{37, []pod{back}, 500, nil}, frame{40, []pod{back}, 200, nil}), min: 70, max: 75, want: []string{"proven"},
		},
		{
			name: "down: a last crash of what was undone is none of the restored pod", undoing: true,
			frames: undone(frame{2, []pod{exited(second, 1)}, 0, nil}, frame{37, []pod{back}, 200, nil}), min: 66, max: 72, want: []string{"proven"},
		},
		{
			name: "down: never replaced, so the old one stays", undoing: true,
			frames: []frame{{0, []pod{was}, 200, nil}}, min: 30, max: 35, want: []string{"proven"},
		},
		{
			name: "down: the old one has other mounts", undoing: true,
			frames: []frame{{0, []pod{{id: "m", uid: "u", state: "run", born: -time.Minute, mounts: `[{"containerPath":"/x","hostPath":"/x"}]`}}, 200, nil}}, min: 180, max: 182,
			want: []string{"failed: ", "still runs, with other mounts"},
		},
		{
			name: "down: the kubelet is stuck", undoing: true, frames: undone(), min: 180, max: 182,
			want: []string{"failed: ", "it runs with " + audit, "crictl ps -a --name kube-apiserver"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newControl(t, test.frames)
				defer c.stop()
				task, w := apiserver(), c.watch()
				w.Undoing = test.undoing
				if test.task != nil {
					test.task(task)
				}
				planned := change(oldManifest, newManifest)
				if test.undoing {
					planned = change(newManifest, oldManifest)
				}
				mark, err := task.Mark(t.Context(), w, planned)
				if err != nil {
					t.Fatal(verdict(err))
				}
				c.files[manifestAt] = newManifest
				if test.undoing {
					c.files[manifestAt] = oldManifest
				}
				time.Sleep(time.Hour - time.Since(c.began.Add(-time.Hour)))
				err = task.Check(t.Context(), w, mark)
				wants(t, verdict(err), test.want...)
				if took := time.Since(c.began).Seconds(); took < test.min || took > test.max {
					t.Errorf("took %.1f s, not %v to %v; said:\n%s", took, test.min, test.max, strings.Join(c.said, "\n"))
				}
				wants(t, strings.Join(c.said, "\n"), test.said...)
			})
		})
	}
}

// flap is ready for 20 s and not for 20 s.
func flap(normal []frame, p pod) []frame {
	frames := normal[:8:8]
	for at, ready := 42.0, 200; at < 400; at, ready = at+20, 700-ready {
		frames = append(frames, frame{at, []pod{p}, ready, nil})
	}
	return frames
}

func TestWaitForPodEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, []frame{{0, []pod{exited(was, 1)}, 200, nil}})
		defer c.stop()
		got := map[string]string{}
		for _, e := range apiserver().Evidence(t.Context(), c.watch()) {
			got[e.Name] = string(e.Data)
		}
		wants(t, got["container-log"], `E1 "command failed"`)
		wants(t, got["kubelet-log"], "CreateContainerError")
		wants(t, got["crictl-inspect"], "exitCode")
		if strings.Contains(got["container-log"], "stderr F") {
			t.Error("the runtime's prefix was kept")
		}
	})
}

func TestWaitForPodMark(t *testing.T) {
	tests := []struct {
		name    string
		change  func(c *control) []engine.Change
		undoing bool
		want    string
	}{
		{"nothing touches the manifest", func(*control) []engine.Change { return nil }, false, "error: not needed"},
		{"only a comment", func(*control) []engine.Change { return change(oldManifest, "# more\n"+oldManifest) }, false, "error: not needed"},
		{"two changes that undo each other", func(*control) []engine.Change {
			return append(change(oldManifest, newManifest), change(newManifest, oldManifest)...)
		}, false, "error: not needed"},
		{"a backup beside the manifest", func(c *control) []engine.Change {
			c.files[manifestAt+".bak"] = oldManifest
			return change(oldManifest, newManifest)
		}, false, "problem 42: " + manifestAt + ".bak on master1 is not a manifest by its name"},
		{"the same pod twice", func(c *control) []engine.Change {
			c.files["/etc/kubernetes/manifests/copy.yaml"] = oldManifest
			return change(oldManifest, newManifest)
		}, false, "problem 42: /etc/kubernetes/manifests/copy.yaml on master1 defines the pod kube-system/kube-apiserver as well"},
		{"something that is no manifest", func(c *control) []engine.Change {
			c.files["/etc/kubernetes/manifests/notes.yaml"] = "a: b\n"
			return change(oldManifest, newManifest)
		}, false, "problem 42: /etc/kubernetes/manifests/notes.yaml on master1 is not a manifest"},
		{"a stray on the way down is told and no reason to stop", func(c *control) []engine.Change {
			c.files[manifestAt+".bak"] = oldManifest
			return change(newManifest, oldManifest)
		}, true, "proven"},
		{"another folder", func(c *control) []engine.Change {
			c.files[kubeletConfig] = "staticPodPath: /etc/pods\n"
			return change(oldManifest, newManifest)
		}, false, "problem 42: the kubelet on master1 runs what is in /etc/pods"},
		{"a slow kubelet", func(c *control) []engine.Change {
			c.files[kubeletConfig] = "fileCheckFrequency: 1m0s\n"
			return change(oldManifest, newManifest)
		}, false, "problem 42: the kubelet on master1 lists its manifests every 1m"},
		{"no crictl", func(c *control) []engine.Change {
			c.commands = func(argv []string) (string, error) { return "", &engine.ExitError{Argv: argv, Code: 127} }
			return change(oldManifest, newManifest)
		}, false, "problem 42: crictl cannot be run on master1"},
		{"a dead socket", func(c *control) []engine.Change {
			c.commands = func(argv []string) (string, error) {
				return "", &engine.ExitError{Argv: argv, Code: 1, Stderr: "validate service connection: no such file\nmore"}
			}
			return change(oldManifest, newManifest)
		}, false, "problem 42: crictl on master1 gets no answer from the container runtime: validate service connection: no such file |"},
		{"the kubelet is down", func(c *control) []engine.Change {
			run := c.commands
			c.commands = func(argv []string) (string, error) {
				if argv[0] == "systemctl" {
					return "", &engine.ExitError{Argv: argv, Code: 3}
				}
				return run(argv)
			}
			return change(oldManifest, newManifest)
		}, false, "problem 42: the kubelet on master1 does not run"},
		{"no such container", func(*control) []engine.Change {
			return change(oldManifest, strings.ReplaceAll(newManifest, "- name: kube-apiserver", "- name: other"))
		}, false, `problem 42: ` + manifestAt + ` as it shall be: no container "kube-apiserver"`},
		{"not ready before", func(c *control) []engine.Change {
			c.frames[0].ready = 500
			return change(oldManifest, newManifest)
		}, false, "unavailable: https://127.0.0.1:6443/readyz on master1 answers 500 (etcd failing); it must be ready before"},
		{"wants a password", func(c *control) []engine.Change {
			c.frames[0].ready = 401
			return change(oldManifest, newManifest)
		}, false, "unavailable: https://127.0.0.1:6443/readyz on master1 answers 401"},
		{"another authority", func(c *control) []engine.Change {
			c.files["/etc/kubernetes/pki/ca.crt"], _ = authority(t, "x")
			return change(oldManifest, newManifest)
		}, false, "unavailable: https://127.0.0.1:6443/readyz on master1 is not who it should be"},
		{"no authority", func(c *control) []engine.Change {
			delete(c.files, "/etc/kubernetes/pki/ca.crt")
			return change(oldManifest, newManifest)
		}, false, "problem 42: /etc/kubernetes/pki/ca.crt on master1 is absent"},
		{"the node is gone", func(c *control) []engine.Change {
			c.dialErr = &engine.LostError{Node: "master1", Op: "dial", Err: errors.New("eof")}
			return change(oldManifest, newManifest)
		}, false, "connection lost"},
		{"all is well", func(*control) []engine.Change { return change(oldManifest, newManifest) }, false, "proven"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newControl(t, []frame{{0, []pod{was}, 200, nil}})
				defer c.stop()
				w := c.watch()
				w.Undoing = test.undoing
				_, err := apiserver().Mark(t.Context(), w, test.change(c))
				wants(t, verdict(err), test.want)
			})
		})
	}
}

// TestWaitForPodGone waits for a pod whose manifest is removed.
func TestWaitForPodGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, []frame{{0, []pod{was}, 200, nil}, {30, []pod{exited(was, 0)}, 0, nil}, {31, nil, 0, nil}})
		defer c.stop()
		mark, err := apiserver().Mark(t.Context(), c.watch(), change(oldManifest, ""))
		if err != nil {
			t.Fatal(err)
		}
		delete(c.files, manifestAt)
		c.began = time.Now()
		if err := apiserver().Check(t.Context(), c.watch(), mark); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(c.began); took < time.Minute {
			t.Errorf("proven after %s", took)
		}
	})
}

// TestWaitForPodEnds hands back what is no verdict: a lost node, an ended context.
func TestWaitForPodEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(t, []frame{{0, []pod{was}, 200, nil}})
		defer c.stop()
		mark, err := apiserver().Mark(t.Context(), c.watch(), change(oldManifest, newManifest))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("stopped"))
		defer cancel()
		if err := apiserver().Check(ctx, c.watch(), mark); err == nil || err.Error() != "stopped" {
			t.Errorf("an ended context gave %v", err)
		}
		lostErr := &engine.LostError{Node: "master1", Err: errors.New("eof")}
		c.commands = func([]string) (string, error) { return "", lostErr }
		if err := apiserver().Check(t.Context(), c.watch(), mark); err != lostErr {
			t.Errorf("a lost node gave %v", err)
		}
	})
}

func TestWaitForPodPrepare(t *testing.T) {
	tests := []struct {
		change func(*WaitForPod)
		want   string
	}{
		{func(*WaitForPod) {}, "proven"},
		{func(w *WaitForPod) { w.Name = "Kube Apiserver" }, "name:"},
		{func(w *WaitForPod) { w.Manifest = "manifests/x.yaml" }, "manifest:"},
		{func(w *WaitForPod) { w.Ready = "127.0.0.1:6443" }, "ready:"},
		{func(w *WaitForPod) { w.Ready = "https://me:secret@127.0.0.1/" }, "ready: an address with a user"},
		{func(w *WaitForPod) { w.Stable = 20 * engine.Second }, "stable: 20s is shorter than 25s"},
		{func(w *WaitForPod) { w.Timeout = 29 * engine.Second }, "timeout: 29s is shorter"},
		{func(w *WaitForPod) { w.Passes = -1 }, "passes:"},
		{func(w *WaitForPod) { w.CA = "ca.crt" }, "ca:"},
		{func(w *WaitForPod) { w.CA = "-----BEGIN CERTIFICATE-----\nx" }, "ca: no certificate"},
		{func(w *WaitForPod) { w.Ready, w.CA = "", "/ca.crt" }, "ready:"},
	}
	for _, test := range tests {
		w := apiserver()
		test.change(w)
		wants(t, verdict(w.Prepare(nil)), test.want)
	}
}
