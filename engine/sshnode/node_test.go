package sshnode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func eachShell(t *testing.T, f func(t *testing.T, n *held)) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) { f(t, serve(t, &server{shell: shell}).dial(t)) })
	}
}

func TestLook(t *testing.T) {
	eachShell(t, func(t *testing.T, n *held) {
		d := folder(t)
		odd := d + "/odd\n' $(id) \\ \"*"
		lay(t, odd, "x\x00y\n\n", file("", 0o604))
		lay(t, d+"/empty", "", file("", 0o600))
		lay(t, d+"/sub", "", dir(0o1751))
		for _, name := range []string{".hidden", "..two", "new\nline", "-n", "*", "é"} {
			writeFile(t, d+"/sub/"+name, "")
		}
		for _, err := range []error{os.Symlink("to where\n\n", d+"/link"), syscall.Mkfifo(d+"/pipe", 0o600), os.Link(d+"/empty", d+"/second")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		before := n.Stats().RoundTrips
		got, err := n.Look(t.Context(), odd, d+"/none", d+"/empty", d+"/sub", d+"/link", d+"/pipe", d+"/empty/below")
		if err != nil {
			t.Fatal(err)
		}
		if r := n.Stats().RoundTrips - before; r != 1 {
			t.Errorf("%d round trips", r)
		}
		want := []string{"file 0604 0:0, 5 bytes", "absent", "file 0600 0:0, 0 bytes", "directory 1751 0:0", `symbolic link to "to where\n\n"`, "other", "absent"}
		for i, w := range want {
			w = strings.ReplaceAll(w, "0:0", owner(file("", 0)))
			if !strings.HasPrefix(got[i].String(), w) {
				t.Errorf("number %d: %s, want %s", i, got[i], w)
			}
		}
		if b, err := got[0].Content.Read(t.Context(), 100); err != nil || string(b) != "x\x00y\n\n" {
			t.Errorf("content %q, %v", b, err)
		}
		if n := fmt.Sprintf("%q", got[3].Names); n != `["*" "-n" "..two" ".hidden" "new\nline" "é"]` {
			t.Errorf("names %s", n)
		}
		if got[2].Links != 2 {
			t.Errorf("%d links, want 2", got[2].Links)
		}
		if _, err := n.Look(t.Context(), d+"/../x"); engine.CodeOf(err) != engine.Preflight {
			t.Errorf("an unclean path: %v", err)
		}
	})
}

func TestLookAtMany(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	for i := range engine.MaxNames + 50 {
		writeFile(t, fmt.Sprintf("%s/%04d", d, i), "")
	}
	got, err := n.Look(t.Context(), d)
	if err != nil || len(got[0].Names) != engine.MaxNames {
		t.Errorf("%d names, %v", len(got[0].Names), err)
	}
}

// TestLookBudget: what is too large for one look is fetched when it is opened, and is checked.
func TestLookBudget(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	big := bytes.Repeat([]byte("0123456789abcde\n"), (engine.MaxLook-1000)/16)
	writeFile(t, d+"/1", string(big))
	writeFile(t, d+"/2", string(big[16:]))
	writeFile(t, d+"/3", "small")
	got, err := n.Look(t.Context(), d+"/1", d+"/2", d+"/3")
	if err != nil {
		t.Fatal(err)
	}
	trips := n.Stats().RoundTrips
	for i, want := range []int{len(big), len(big) - 16, 5} {
		if b, err := got[i].Content.Read(t.Context(), 1<<30); err != nil || len(b) != want {
			t.Errorf("number %d: %d bytes, %v", i, len(b), err)
		}
	}
	if n.Stats().RoundTrips != trips+1 {
		t.Errorf("%d round trips for one large file", n.Stats().RoundTrips-trips)
	}
	// A copy on the node: the bytes come from where they go to.
	err = n.Put(t.Context(), engine.Change{At: d + "/copy", Before: absent, After: engine.Image{
		Kind: engine.File, Mode: 0o600, UID: os.Getuid(), GID: os.Getgid(), Content: got[1].Content}})
	if err != nil {
		t.Error(err)
	}
	writeFile(t, d+"/2", "other")
	if _, err := got[1].Content.Read(t.Context(), 1<<30); err == nil {
		t.Error("a file that has changed was read as what it was")
	}
	if _, err := n.Look(t.Context(), d); err != nil {
		t.Errorf("out of step: %v", err)
	}
}

// TestLookAtGrowing: a file that never holds still is looked at all the same.
func TestLookAtGrowing(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	lay(t, d+"/log", "", anyFile(0o600))
	writer := exec.Command("sh", "-c", `while echo line; do :; done >>"$0"`, d+"/log")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	got, err := n.Look(t.Context(), d+"/log")
	writer.Process.Kill()
	writer.Wait()
	if err != nil || !anyFile(0o600).Matches(got[0]) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLookCutShort: bytes that the node announces and cannot send end the worker, nobody waits for them.
func TestLookCutShort(t *testing.T) {
	n := serve(t, &server{env: tools(t, map[string]string{"dd": `case $* in *count=4242\ *) exit 1;; esac; exec /bin/dd "$@"`})}).dial(t)
	d := folder(t)
	writeFile(t, d+"/f", strings.Repeat("x", 4242))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := n.Look(ctx, d+"/f"); !errors.As(err, new(*engine.LostError)) {
		t.Errorf("error %v", err)
	}
	if _, err := n.Look(ctx, d); err != nil {
		t.Errorf("the next look: %v", err)
	}
}

// tools puts a script before the read-only commands' names.
func tools(t *testing.T, scripts map[string]string) []string {
	d := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(d, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"PATH=" + d + ":" + os.Getenv("PATH")}
}

func TestObserve(t *testing.T) {
	scripts := map[string]string{
		"crictl":     `printf 'out\n\0\n'; printf 'err \033[31m\nline' >&2; exit 7`,
		"kubelet":    "echo \"@$NONCE 2 0 0 @0@\" >&2; echo \"@0@\"; cat; for f in 3 4 5 6; do echo '@forged 1 0 0 x' >&$f; done 2>/dev/null; exit 0",
		"journalctl": `head -c 100000000 /dev/zero; head -c 1000000 /dev/zero >&2`,
		"systemctl":  `trap '' TERM; echo before; sleep 30 & sleep 30`,
		"nproc":      `kill -9 $$`,
		"df":         `for a; do printf '<%s>' "$a"; done`,
	}
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			n := serve(t, &server{shell: shell, env: tools(t, scripts)}).dial(t)
			ctx := t.Context()
			var exit *engine.ExitError
			out, err := n.Observe(ctx, "crictl", "ps")
			if !errors.As(err, &exit) || exit.Code != 7 || exit.Stderr != "err [31m\nline" || string(out) != "out\n\x00\n" {
				t.Errorf("crictl: %q, %v", out, err)
			}
			if out, err = n.Observe(ctx, "kubelet", "--version"); err != nil || string(out) != "@0@\n" {
				t.Errorf("a forged record: %q, %v", out, err)
			}
			if out, err = n.Observe(ctx, "journalctl", "-r"); err != nil || len(out) != engine.MaxOutput {
				t.Errorf("a flood: %d bytes, %v", len(out), err)
			}
			if _, err = n.Observe(ctx, "nproc"); !errors.As(err, &exit) || exit.Code != 255 {
				t.Errorf("killed by a signal: %v", err)
			}
			if out, err = n.Observe(ctx, "df", "a b", "$(id)", "*", "", "'\n\"`\\", "é"); string(out) != "<a b><$(id)><*><><'\n\"`\\><é>" {
				t.Errorf("words: %q, %v", out, err)
			}
			if _, err = n.Observe(ctx, "uname", "-s"); err != nil {
				t.Error(err)
			}
			if _, err = n.Observe(ctx, "getent", "passwd", "nobody-of-that-name"); !errors.As(err, &exit) || exit.Code != 2 {
				t.Errorf("getent: %v", err)
			}
			short, cancel := context.WithTimeout(ctx, 4*time.Second)
			defer cancel()
			if _, err = n.Observe(short, "systemctl", "status"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one that never ends: %v", err)
			}
			if short.Err() != nil {
				t.Error("the node did not give up before the context")
			}
			if _, err = n.Observe(ctx, "uname", "-s"); err != nil {
				t.Error(err)
			}
			if _, err = n.Observe(ctx, "rm", "-rf", "/nothing"); engine.CodeOf(err) != engine.Preflight {
				t.Errorf("rm: %v", err)
			}
			if _, err = n.Observe(ctx, "df", "a\x00b"); engine.CodeOf(err) != engine.Preflight {
				t.Errorf("a NUL byte: %v", err)
			}
			if s := n.Stats(); s.Channels != 1 {
				t.Errorf("%d channels, want 1", s.Channels)
			}
		})
	}
}

// TestCancel: a request that is given up costs a worker, what comes next gets another one.
func TestCancel(t *testing.T) {
	slow := t.TempDir() + "/slow" // only then: a claim syncs, too
	n := serve(t, &server{env: tools(t, map[string]string{"crictl": "sleep 30", "sync": "[ ! -e " + slow + " ] || sleep 30\nexec " + mustFind(t, "sync") + ` "$@"`})}).dial(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := n.Observe(ctx, "crictl", "ps"); !errors.Is(err, context.Canceled) {
		t.Errorf("observe: %v", err)
	}
	d := folder(t)
	if _, err := n.Look(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Channels != 2 {
		t.Errorf("%d channels, want 2", s.Channels)
	}
	change := engine.Change{At: d + "/f", Before: absent, After: file("x", 0o600)}
	if err := n.Put(ctx, change); !errors.Is(err, context.Canceled) || errors.As(err, new(*engine.LostError)) {
		t.Errorf("a put that was given up before it began: %v", err)
	}
	writeFile(t, slow, "")
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := n.Put(ctx, change); !errors.As(err, new(*engine.LostError)) {
		t.Errorf("a put that was given up: %v", err)
	}
}

// TestForgedStream: whatever a node sends instead of a record, a put's outcome is unknown. Only what the put waits
// for is taken for an answer.
func TestForgedStream(t *testing.T) {
	const honest = "@NONCE SEQ 0 0 done\n"
	for _, forged := range []string{
		honest,
		"", "@NONCE 0 0 0 done\n", "@NONCE 1 0 0 done\n", "@NONCE SEQ1 0 0 done\n", "@NONCE SEQ 0 5 done\n", "@NONCE SEQ 0 -1 done\n", "@NONCE SEQ 0 0 fine\n", "@NONCE SEQ 9 0 done\n",
		"@0123456789abcdef01234567 SEQ 0 0 done\n", "@NONCE SEQ 0 0\n", "@NONCE SEQ 77 0 1 - zzzz 0 0 1\n", strings.Repeat("x", 1<<20),
	} {
		armed, seq := false, 0
		s := serve(t, &server{tamper: func(out io.Writer, nonce string) io.Writer {
			return writerFunc(func(p []byte) (int, error) {
				if !armed {
					return out.Write(p)
				}
				io.WriteString(out, strings.NewReplacer("NONCE", nonce, "SEQ", itoa(seq)).Replace(forged))
				return 0, io.ErrClosedPipe
			})
		}})
		n := s.dial(t)
		d := folder(t)
		if _, err := n.Look(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		armed, seq = true, n.worker.seq+1
		err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: file("x", 0o600)})
		if _, lost := errors.AsType[*engine.LostError](err); lost == (forged == honest) || forged == honest && err != nil {
			t.Errorf("%.40q: %v", forged, err)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestRefusals: what a put refuses, with its code and in words.
func TestRefusals(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	lay(t, d+"/f", "old", file("", 0o644))
	lay(t, d+"/hard", "old", file("", 0o644))
	lay(t, d+"/open", "", dir(0o777))
	for _, err := range []error{os.Link(d+"/hard", d+"/hard2"), os.Symlink("f", d+"/link"), os.Symlink(".", d+"/dirlink")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	old, new := file("old", 0o644), file("new", 0o644)
	far := new
	far.UID = 1 << 31
	for _, c := range []struct {
		name   string
		change engine.Change
		code   engine.Code
		want   string
	}{
		{"hard link", engine.Change{At: d + "/hard", Before: old, After: new}, engine.Preflight, "hard links"},
		{"parent link", engine.Change{At: d + "/dirlink/f", Before: old, After: new}, engine.Security, "symbolic link"},
		{"open parent", engine.Change{At: d + "/open/f", Before: absent, After: new}, engine.Security, "everybody can write"},
		{"no parent", engine.Change{At: d + "/none/f", Before: absent, After: new}, engine.Preflight, "parent directory"},
		{"file as parent", engine.Change{At: d + "/f/f", Before: absent, After: new}, engine.Preflight, "not a directory"},
		{"long name", engine.Change{At: d + "/" + strings.Repeat("n", 300), Before: absent, After: new}, engine.Preflight, "too long"},
		{"relative", engine.Change{At: "f", Before: old, After: new}, engine.Preflight, "absolute"},
		{"root", engine.Change{At: "/", Before: old, After: new}, engine.Preflight, "not written"},
		{"a link before", engine.Change{At: d + "/link", Before: engine.Image{Kind: engine.Link}, After: new}, engine.Preflight, "neither replaced nor made"},
		{"label", engine.Change{At: d + "/f", Before: old, After: engine.Image{Kind: engine.Dir, Label: "a b"}}, engine.Preflight, "label"},
	} {
		err := n.Put(t.Context(), c.change)
		if engine.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: code %d, %v; want %d, %q", c.name, engine.CodeOf(err), err, c.code, c.want)
		}
	}
	var conflict *engine.ConflictError
	err := n.Put(t.Context(), engine.Change{At: d + "/link", Before: old, After: new})
	if !errors.As(err, &conflict) || conflict.Got.Kind != engine.Link {
		t.Errorf("a link in the way: %v", err)
	}
	if got := names(t, d); got != "dirlink f hard hard2 link open" {
		t.Errorf("left: %s", got)
	}
}

// TestFolderOfSomebodyElse: whoever owns a folder on the way can put another one in its place.
func TestFolderOfSomebodyElse(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	lay(t, d+"/theirs", "", dir(0o755))
	lay(t, d+"/theirs/d", "", dir(0o755))
	if err := os.Chown(d+"/theirs", 12345, -1); err != nil {
		missing(t, "the right to give a folder away")
	}
	for _, at := range []string{d + "/theirs/f", d + "/theirs/d/f"} {
		err := n.Put(t.Context(), engine.Change{At: at, Before: absent, After: file("x", 0o600)})
		if engine.CodeOf(err) != engine.Security || !strings.Contains(err.Error(), "belongs to somebody else") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if got := names(t, d+"/theirs") + names(t, d+"/theirs/d"); got != "d" {
		t.Errorf("left: %s", got)
	}
}

// TestContentThatEnds: bytes that cannot be read to their end change nothing, and the node goes on.
func TestContentThatEnds(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	after := file("whole", 0o600)
	after.Content = engine.NewContent(after.Content.Hash(), 1<<20, engine.Bytes([]byte("who")).Open)
	err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: after})
	if engine.CodeOf(err) != engine.Preflight {
		t.Errorf("error %v", err)
	}
	if err := n.Put(t.Context(), engine.Change{At: d + "/g", Before: absent, After: file("whole", 0o600)}); err != nil {
		t.Error(err)
	}
}

// TestMissingTools: what a node lacks is named before anything is asked of it.
func TestMissingTools(t *testing.T) {
	for tool, text := range map[string]string{
		"sha256sum": "echo 0", "dd": "exec head -c 1", "stat": "exit 1", "sync": "exit 0", "base64": "cat",
	} {
		s := serve(t, &server{shell: []string{"/bin/sh"}, env: tools(t, map[string]string{tool: text})})
		n, err := Dial(t.Context(), s.config)
		if err == nil {
			n.Close()
		}
		if engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), tool) {
			t.Errorf("%s: %v", tool, err)
		}
	}
}

func TestDialThrough(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "hello")
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	c, err := n.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read after its deadline: %v", err)
	}
	l.Close()
	if _, err := n.Dial(t.Context(), "tcp", l.Addr().String()); err == nil {
		t.Error("a closed port was reached")
	}
	if !n.Alive() {
		t.Error("it is not alive while it answers")
	}
	n.client.Client.Close() // the connection is lost
	for end := time.Now().Add(10 * time.Second); n.Alive(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still alive")
		}
	}
}

// leased starts a worker whose leases are of so many seconds, and returns its nonce.
func leased(t *testing.T, shell []string, seconds string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader, nonce string) {
	t.Helper()
	nonce = "0123456789abcdef01234567"
	s := script
	for _, old := range []string{"\nlease 60\n", "\n  lease $((60+tmo))\n"} {
		if n := strings.Count(s, old); n != 1 {
			t.Fatalf("%d leases %q", n, old)
		}
		s = strings.Replace(s, old, "\nlease "+seconds+"\n", 1)
	}
	cmd = exec.Command(shell[0], append(append([]string{}, shell[1:]...), "-s", nonce)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		t.Fatal("no shell")
	}
	io.WriteString(in, s)
	out = bufio.NewReader(stdout)
	for line := ""; !strings.Contains(line, "hello"); {
		if line, err = out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return cmd, in, out, nonce
}

// TestLease: a worker that nobody talks to any more ends by itself, and only then.
func TestLease(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, in, out, nonce := leased(t, shell, "2")
			defer in.Close()
			defer cmd.Process.Kill()
			// Each request ends a lease, often one that is only being started. Those left over would end
			// the worker while it answers.
			asked := 0
			for end := time.Now().Add(6 * time.Second); time.Now().Before(end); {
				asked++
				fmt.Fprintf(in, "%d ping 0 0 0\n\n", asked)
				if line, err := out.ReadString('\n'); err != nil || line != fmt.Sprintf("@%s %d 0 0 pong\n", nonce, asked) {
					t.Fatalf("request %d was answered with %q, %v", asked, line, err)
				}
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Error("it is still there")
			}
		})
	}
}

// TestLeaseOfADeadWorker: when a worker was killed, its lease ends no other process that was given its pid.
func TestLeaseOfADeadWorker(t *testing.T) {
	const last = "/proc/sys/kernel/ns_last_pid"
	if f, err := os.OpenFile(last, os.O_WRONLY, 0); err != nil {
		missing(t, "right to choose the next pid")
	} else {
		f.Close()
	}
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				if ended := takesItsPid(t, shell, last); ended != nil {
					enough := time.After(5 * time.Second)
					t.Parallel() // from here on it only waits
					<-enough
					select {
					case err := <-ended:
						t.Errorf("somebody else's process was ended: %v", err)
					default:
					}
					return
				}
			}
			missing(t, "calm enough moment to be given a chosen pid")
		})
	}
}

// takesItsPid kills a worker and starts another process with its pid, which is to be left alone; ended says when it
// was not. That is nil when the pid went to somebody else: a thread of this process may have it for good.
func takesItsPid(t *testing.T, shell []string, last string) (ended chan error) {
	t.Helper()
	cmd, _, _, _ := leased(t, shell, "2")
	pid := cmd.Process.Pid
	cmd.Process.Kill()
	cmd.Wait()
	for range 10 {
		if err := os.WriteFile(last, []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Fatal(err)
		}
		other := exec.Command("sleep", "60")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		ended = make(chan error, 1)
		go func() { ended <- other.Wait() }()
		if other.Process.Pid != pid {
			other.Process.Kill()
			<-ended
			continue
		}
		t.Cleanup(func() { other.Process.Kill() })
		return ended
	}
	return nil
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "'", "a\nb", "$(id)`id`\\", "\r\x1b'\"*"} {
		f.Add(s, s)
	}
	sh := exec.Command("/bin/sh", "-c", "nl='\n'\nwhile IFS= read -r args; do eval \"set -- $args\"; printf '%s/' \"$#\" \"$@\"; printf '\\000'; done")
	in, err1 := sh.StdinPipe()
	out, err2 := sh.StdoutPipe()
	if err := errors.Join(err1, err2, sh.Start()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { in.Close(); sh.Wait() })
	answers := bufio.NewReader(out)
	f.Fuzz(func(t *testing.T, a, b string) {
		if checkWord(a) != nil || checkWord(b) != nil {
			return
		}
		line := quote(a, b)
		if strings.Contains(line, "\n") {
			t.Fatalf("more than a line: %q", line)
		}
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
		got, err := answers.ReadString(0)
		if want := "2/" + a + "/" + b + "/\x00"; err != nil || got != want {
			t.Fatalf("%q became %q, %v", want, got, err)
		}
	})
}

// FuzzAnswer: whatever a node answers, it is refused, or it is within the bounds that were set for it.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"@nonce 7 0 0 -", "@nonce 7 0 12 1 - 81a4 0 0 12 " + strings.Repeat("a", 64), "@nonce 7 3 0 no space", "@nonce 8 0 0 -", "@nonce 7 0 9999999999 -", "@nonce 7 0 0 2 system_u:object_r:etc_t:s0 41ed 0 0 4096"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		w := &worker{nonce: "nonce", seq: 7}
		r, err := w.checked(line, 1000)
		if err != nil {
			return
		}
		if r.bytes < 0 || r.bytes > 1000 || r.status > 255 {
			t.Errorf("%q: %+v", line, r)
		}
		if got, err := parseFound(r.text); err == nil && (got.Kind == "" || got.Mode > 0o7777 || got.size < 0) {
			t.Errorf("%q: %+v", r.text, got)
		}
	})
}

// TestMetaRestored: of a directory whose mode cannot be changed, the owner is not changed either.
func TestMetaRestored(t *testing.T) {
	d := folder(t)
	if os.Chown(d, 1, 1) != nil || os.Chown(d, os.Getuid(), os.Getgid()) != nil {
		missing(t, "the right to give files away")
	}
	n := serve(t, &server{env: tools(t, map[string]string{"chmod": `case $1 in 00700) echo 'Operation not permitted' >&2; exit 1;; esac; exec /bin/chmod "$@"`})}).dial(t)
	lay(t, d+"/d", "", dir(0o2755))
	after := dir(0o700)
	after.UID, after.GID = 1, 1
	err := n.Put(t.Context(), engine.Change{At: d + "/d", Before: dir(0o2755), After: after})
	if engine.CodeOf(err) != engine.Preflight {
		t.Errorf("error %v", err)
	}
	after.Mode = 0o755
	if err := n.Put(t.Context(), engine.Change{At: d + "/d", Before: dir(0o2755), After: after}); err != nil {
		t.Errorf("owner and mode: %v", err)
	}
}
