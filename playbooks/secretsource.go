package playbooks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

const (
	maxSecret     = 64 << 10         // bytes of a secret
	secretTimeout = 60 * time.Second // of a command that prints one; it may ask a person
)

// localPath is a path on this machine: "~/" is the home folder, others are relative to the playbook's root.
func (f *File) localPath(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.folder, filepath.FromSlash(name))
}

func secretEnv(lookup func(string) (string, bool), name string) (string, error) {
	if lookup != nil {
		if v, _ := lookup(name); v != "" {
			return v, nil
		}
	}
	return "", fmt.Errorf("the environment variable %s is not set, or empty", name)
}

// secretFile reads a file that nobody but its owner can; name is what the playbook calls it.
func secretFile(name, path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a plain file", name)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s can be read by others (mode %04o): chmod 600 %s", name, info.Mode().Perm(), name)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, cause(err))
	}
	defer file.Close()
	return secretText(file, name)
}

// secretCommand is what a program prints. It is run without a shell, with nothing on standard input; what it
// complains of is not shown, because that may tell the secret.
func secretCommand(argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), secretTimeout)
	defer cancel()
	out := &bounded{max: maxSecret + 2}
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Stdout, c.WaitDelay = out, time.Second
	err := c.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; what it left behind holds its output open
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s did not end within %s", argv[0], secretTimeout)
	case out.full:
		return "", fmt.Errorf("%s printed more than %d KiB", argv[0], maxSecret>>10)
	case errors.As(err, &ended):
		return "", fmt.Errorf("%s ended with status %d: run it by hand to see why", argv[0], ended.ExitCode())
	case err != nil:
		return "", fmt.Errorf("%s cannot be run: %w", argv[0], cmp.Or(errors.Unwrap(err), err))
	}
	return secretText(&out.kept, argv[0])
}

// secretAge decrypts an age file below the playbook's root, armored or not, with the keys of an identity file.
func secretAge(f *File, name, identity string) (string, error) {
	if identity == "" {
		return "", errors.New(`an age file needs identity = "FILE", with the key that opens it`)
	}
	keyText, err := secretFile(identity, f.localPath(identity))
	if err != nil {
		return "", fmt.Errorf("identity: %w", err)
	}
	keys, err := age.ParseIdentities(strings.NewReader(keyText))
	if err != nil {
		return "", fmt.Errorf("identity: %s holds no age identity (AGE-SECRET-KEY-...) that can be read; one with a passphrase is opened by: command = [\"age\", \"-d\", ...]", identity)
	}
	file, err := f.files.Open(path.Clean(name))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, cause(err))
	}
	defer file.Close()
	sealed, err := io.ReadAll(io.LimitReader(file, 4*maxSecret))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, cause(err))
	}
	var in io.Reader = bytes.NewReader(sealed)
	if bytes.HasPrefix(bytes.TrimSpace(sealed), []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, keys...)
	if err != nil {
		return "", fmt.Errorf("%s cannot be opened with %s: %w", name, identity, err)
	}
	return secretText(plain, name)
}

// secretText reads a secret without the line's end behind it.
func secretText(r io.Reader, name string) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, cause(err))
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("%s is larger than %d KiB", name, maxSecret>>10)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// bounded keeps what is written to it, up to max bytes.
type bounded struct {
	kept bytes.Buffer
	max  int
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > b.max {
		b.full = true
		return 0, errors.New("too much")
	}
	return b.kept.Write(p)
}
