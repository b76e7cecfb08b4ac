package playbooks

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/hcrun/hcrun/engine"
)

// canary is what no output of a playbook may hold.
const canary = "hunter2-canary"

// secretFolder has a playbook beside whatever its secrets are read from.
func secretFolder(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	seal := func(w io.Writer) {
		in, err := age.Encrypt(w, key.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, canary+"\n")
		in.Close()
	}
	var binary, text bytes.Buffer
	seal(&binary)
	armored := armor.NewWriter(&text)
	seal(armored)
	armored.Close()
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write("key", 0o600, []byte("# a comment\n"+key.String()+"\n"))
	write("other-key", 0o600, []byte(other.String()+"\n"))
	write("no-key", 0o600, []byte("nothing of the kind\n"))
	write("binary.age", 0o644, binary.Bytes())
	write("text.age", 0o644, text.Bytes())
	write("torn.age", 0o644, binary.Bytes()[:binary.Len()-3])
	write("private", 0o600, []byte(canary+"\r\n"))
	write("open", 0o644, []byte(canary))
	write("big", 0o600, bytes.Repeat([]byte("x"), maxSecret+1))
	write("bytes", 0o600, []byte("\xff\xfe\xfd\xfc\xfb\xfa"))
	write("motd", 0o644, []byte("hello\n"))
	write("p.hcl", 0o644, []byte("playbook \"p\" {\n  hosts = \"all\"\n}\n"+body))
	return filepath.Join(dir, "p.hcl")
}

// TestSecretSources: every place that a secret can come from gives the same text, and what is wrong with one is
// said without it.
func TestSecretSources(t *testing.T) {
	for source, wrong := range map[string]string{
		`env = "TOKEN"`:    "",
		`file = "private"`: "",
		`command = ["printf", "%s\n", "` + canary + `"]`: "",
		`age = "binary.age"
identity = "key"`: "",
		`age = "text.age"
identity = "key"`: "",
		`file = "open"`:  "can be read by others (mode 0644): chmod 600 open",
		`file = "big"`:   "is larger than 64 KiB",
		`file = "bytes"`: "is not UTF-8",
		`file = "."`:     "is not a plain file",
		`command = ["sh", "-c", "head -c 70000 /dev/zero"]`:                          "printed more than 64 KiB",
		`command = ["sh", "-c", "echo ` + canary[:7] + `$((1))-canary >&2; exit 3"]`: "ended with status 3",
		`command = ["true"]`: "it is empty",
		`age = "text.age"
identity = "other-key"`: "cannot be opened with other-key",
		`age = "torn.age"
identity = "key"`: "torn.age",
		`age = "text.age"
identity = "no-key"`: "holds no age identity",
		`age = "text.age"
identity = "open"`: "identity: open can be read by others",
		`age = "../text.age"
identity = "key"`: "outside the folder",
	} {
		path := secretFolder(t, "secret \"token\" {\n"+source+"\n}\ntask \"copy\" \"a\" {\n  source      = \"motd\"\n  destination = \"/etc/motd\"\n  vars = { token = secret.token, plain = \"p\" }\n}\n")
		var hidden []engine.Secret
		f, err := Load(path, Options{Kinds: testKinds(), Env: env("TOKEN", canary), Hide: func(s ...engine.Secret) { hidden = append(hidden, s...) }})
		if wrong != "" {
			if err == nil || !strings.Contains(err.Error(), wrong) || strings.Contains(strings.ReplaceAll(err.Error(), source, ""), canary) {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		pb, err := f.For(Node{Name: "master1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := pb.Steps[0].Task.(*copyTask).Vars["token"]; got != canary {
			t.Errorf("%s: the task got %v", source, got)
		}
		if !pb.Steps[0].Sensitive || len(hidden) != 1 || hidden[0].Reveal() != canary || len(pb.Secrets) != 1 || pb.Secrets[0].Reveal() != canary {
			t.Errorf("%s: sensitive %v, hidden %d, %d secrets", source, pb.Steps[0].Sensitive, len(hidden), len(pb.Secrets))
		}
		if got := f.inputs["secret token"]; len(got) != 4 {
			t.Errorf("%s: the input is %q", source, got)
		}
	}
}

// TestSensitiveReaches: whatever is made of a sensitive value stays sensitive until nonsensitive() says
// otherwise, also through functions that lose marks.
func TestSensitiveReaches(t *testing.T) {
	for expr, want := range map[string]bool{
		`secret.token`:                               true,
		`"Bearer ${secret.token}"`:                   true,
		`upper(secret.token)`:                        true,
		`base64encode(secret.token)`:                 true,
		`try(secret.token, "x")`:                     true,
		`try(jsondecode(secret.token), "x")`:         true,
		`tostring(can(jsondecode(secret.token)))`:    true,
		`secret.token == "x" ? "a" : "b"`:            true,
		`templatefile("motd", { t = secret.token })`: true,
		`join(",", [for w in var.words : w])`:        true,
		`join(",", var.words[*])`:                    true,
		`lookup({ a = secret.token }, "a")`:          true,
		`lookup({ a = secret.token, b = "x" }, "b")`: true, // a function's result depends on all that it is given
		`local.derived`:                              true,
		`jsonencode({ a = secret.token })`:           true,
		`yamlencode({ a = [secret.token] })`:         true,
		`sha256(secret.token)`:                       true,
		`tostring(length(secret.token))`:             true,
		`sensitive("some-words")`:                    true,
		`try(sensitive("some-words"), "x")`:          true,
		`values({ a = secret.token })[0]`:            true,
		`format("%s-%s", "a", secret.token)`:         true,
		`replace(secret.token, "h", "x")`:            true,
		`coalesce(secret.token, "x")`:                true,
		`element([secret.token], 0)`:                 true,
		`merge({ a = "x" }, { b = secret.token }).b`: true,
		`"plain"`:                         false,
		`nonsensitive(secret.token)`:      false,
		`try(var.plain, "x")`:             false,
		`{ a = secret.token, b = "x" }.b`: false,
		`nonsensitive(try(jsondecode(secret.token), "x")) == 1 ? "a" : "b"`: false,
	} {
		path := secretFolder(t, `
secret "token" { env = "TOKEN" }
variable "words" {
  type      = list(string)
  sensitive = true
  default   = ["canary-one", "canary-two"]
}
variable "plain" { default = "plain" }
locals { derived = "x${secret.token}" }
task "copy" "a" {
  source      = "motd"
  destination = "/etc/motd"
  vars        = { it = `+expr+` }
}
`)
		f, err := Load(path, Options{Kinds: testKinds(), Env: env("TOKEN", canary)})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		pb, err := f.For(Node{Name: "master1"})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := pb.Steps[0].Sensitive; got != want {
			t.Errorf("%s: sensitive is %v", expr, got)
		}
	}
}
