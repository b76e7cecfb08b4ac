package sshnode

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// machineFile has the workers of a server look for the machine-id in another file.
func machineFile(file string) func(io.Reader) io.Reader {
	return func(in io.Reader) io.Reader {
		text := make([]byte, len(script))
		n, _ := io.ReadFull(in, text)
		return io.MultiReader(strings.NewReader(strings.ReplaceAll(string(text[:n]), "/etc/machine-id", file)), in)
	}
}

// TestMachine: a node says which machine it is by a hash of its machine-id, on every shell, and says nothing where
// there is none or something else in its place.
func TestMachine(t *testing.T) {
	const id = "5b0c6d1e9a374f28b1c0d2e3f4a59687"
	sum := sha256.Sum256([]byte("hcrun" + id))
	want := hex.EncodeToString(sum[:])[:16]
	having := func(text string) func(t *testing.T, at string) {
		return func(t *testing.T, at string) { writeFile(t, at, text) }
	}
	tests := map[string]struct {
		made func(t *testing.T, at string)
		want string
	}{
		"an id":              {having(id + "\n"), want},
		"without a line end": {having(id), want},
		"missing":            {func(*testing.T, string) {}, ""},
		"empty":              {having(""), ""},
		"an empty line":      {having("\n"), ""},
		"uninitialized":      {having("uninitialized\n"), ""},
		"zeros":              {having(strings.Repeat("0", 32) + "\n"), ""},
		"too short":          {having(id[1:] + "\n"), ""},
		"too long":           {having(id + "0\n"), ""},
		"no digits":          {having(strings.Repeat("g", 32) + "\n"), ""},
		"capitals":           {having(strings.ToUpper(id) + "\n"), ""},
		"a command":          {having("$(id)" + id[5:] + "\n"), ""},
		"a folder":           {func(t *testing.T, at string) { os.Mkdir(at, 0o700) }, ""},
		"a link to it": {func(t *testing.T, at string) {
			writeFile(t, at+".d", id+"\n")
			os.Symlink(at+".d", at)
		}, want},
	}
	for shell, argv := range shells(t) {
		for name, test := range tests {
			t.Run(shell+"/"+name, func(t *testing.T) {
				t.Parallel()
				at := filepath.Join(t.TempDir(), "id")
				test.made(t, at)
				n := serve(t, &server{shell: argv, wrap: machineFile(at)}).connect(t)
				if got := n.Machine(); got != test.want {
					t.Errorf("%q, want %q", got, test.want)
				}
			})
		}
	}
}

// TestMachineIDStaysThere: what the node sends does not have the machine-id in it, which nobody else may know.
func TestMachineIDStaysThere(t *testing.T) {
	const id = "5b0c6d1e9a374f28b1c0d2e3f4a59687"
	at := filepath.Join(t.TempDir(), "id")
	writeFile(t, at, id+"\n")
	sent := &head{max: 1 << 20}
	s := serve(t, &server{wrap: machineFile(at), tamper: func(out io.Writer, _ string) io.Writer { return io.MultiWriter(sent, out) }})
	n := s.connect(t)
	if n.Machine() == "" || n.HostKey() != "ssh-ed25519 "+ssh.FingerprintSHA256(s.host.PublicKey()) {
		t.Errorf("it is %q with %q", n.Machine(), n.HostKey())
	}
	if strings.Contains(string(sent.kept), id) || !strings.Contains(string(sent.kept), "hello 1 ") {
		t.Errorf("it sends %q", sent.kept)
	}
}

// TestForgedMachine: a node that says which machine it is in another form has not said hello.
func TestForgedMachine(t *testing.T) {
	for _, said := range []string{"", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "../../etc/passwd00", "--"} {
		s := serve(t, &server{tamper: func(out io.Writer, _ string) io.Writer {
			return writerFunc(func(p []byte) (int, error) {
				_, err := out.Write(regexp.MustCompile(`( hello 1 \S+ \S+) \S+`).ReplaceAll(p, []byte("$1 "+said)))
				return len(p), err
			})
		}})
		s.config.ConnectTimeout = time.Second
		if n, err := Dial(t.Context(), s.config); err == nil {
			t.Errorf("%q: it is machine %q", said, n.Machine())
			n.Close()
		}
	}
}
