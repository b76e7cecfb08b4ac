package systemd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// packages are what a node has beside Debian's minimum.
const packages = "systemd,systemd-sysv,dbus,openssh-server,procps,sudo,libpam-systemd"

// Root is the root file system that nodes are copies of: the Debian that this machine's apt knows, made once by
// debootstrap and kept in dir.
func Root(ctx context.Context, dir string) (string, error) {
	a, err := findArchive(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(packages))
	root := filepath.Join(dir, fmt.Sprintf("%s-%x", a.suite, sum[:6]))
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	aside, err := os.MkdirTemp(dir, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	if err := a.bootstrap(ctx, filepath.Join(aside, "root")); err != nil {
		return "", err
	}
	err = os.Rename(filepath.Join(aside, "root"), root)
	if _, there := os.Stat(root); there == nil {
		return root, nil // another process may have been faster
	}
	return "", err
}

// archive is where Debian comes from.
type archive struct {
	mirror, suite string
	keyring       string // "" is debootstrap's own
	unsigned      bool   // apt was told to trust it without a signature
	proxy         string
}

// findArchive asks apt.
func findArchive(ctx context.Context) (archive, error) {
	out, err := output(exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(SOURCESENTRY)",
		"Identifier: Packages", "Component: main", "Origin: Debian", "Label: Debian"))
	if err != nil {
		return archive{}, err
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 3 || strings.Contains(f[1], "-") { // such as -updates
			continue
		}
		a := archive{mirror: f[0], suite: f[1]}
		return a, errors.Join(a.readSource(f[2]), a.readConfig(ctx))
	}
	return archive{}, errors.New("apt knows no archive of Debian; apt-get update may not have run")
}

// readSource finds out how apt checks the archive; the entry is FILE:NUMBER as apt counts, from 1.
func (a *archive) readSource(entry string) error {
	file, number, _ := strings.Cut(entry, ":")
	i, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("an entry of apt's sources: %q: %w", entry, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	options := map[string]string{}
	if strings.HasSuffix(file, ".sources") {
		options = stanza(string(b), i)
	} else if lines := strings.Split(string(b), "\n"); i <= len(lines) {
		options = oneLine(lines[i-1])
	}
	if key := options["signed-by"]; strings.HasPrefix(key, "/") {
		a.keyring = key
	}
	a.unsigned = options["trusted"] == "yes"
	return nil
}

// stanza is the i-th of a file in the deb822 format.
func stanza(text string, i int) map[string]string {
	options, at, inside := map[string]string{}, 0, false
	for line := range strings.Lines(text) {
		key, value, is := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			inside = false
		default:
			if !inside {
				at, inside = at+1, true
			}
			if is && at == i {
				options[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
	}
	return options
}

// oneLine reads deb [KEY=VALUE...] URI SUITE COMPONENT...
func oneLine(line string) map[string]string {
	options := map[string]string{}
	_, rest, _ := strings.Cut(line, "[")
	rest, _, _ = strings.Cut(rest, "]")
	for _, o := range strings.Fields(rest) {
		key, value, _ := strings.Cut(o, "=")
		options[strings.ToLower(key)] = value
	}
	return options
}

// readConfig reads what of apt's configuration concerns debootstrap.
func (a *archive) readConfig(ctx context.Context) error {
	out, err := output(exec.CommandContext(ctx, "apt-config", "dump", "--format", "%f=%v%n", "Acquire::http::Proxy", "Acquire::AllowInsecureRepositories"))
	for line := range strings.Lines(string(out)) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "Acquire::http::Proxy":
			a.proxy = value
		case "Acquire::AllowInsecureRepositories":
			a.unsigned = a.unsigned || value == "1" || value == "true" || value == "yes"
		}
	}
	return err
}

// bootstrap makes a root file system. Namespaces of its own take along what it mounts and starts, however it ends.
func (a archive) bootstrap(ctx context.Context, root string) error {
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
		"debootstrap", "--variant=minbase", "--include=" + packages}
	if a.keyring != "" {
		args = append(args, "--keyring="+a.keyring)
	}
	if a.unsigned {
		args = append(args, "--no-check-gpg")
	}
	c := exec.CommandContext(ctx, "unshare", append(args, a.suite, root, a.mirror)...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if a.proxy != "" && a.proxy != "DIRECT" {
		c.Env = append(c.Env, "http_proxy="+a.proxy)
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap: %w: %s", err, tail(out))
	}
	for _, heavy := range []string{"var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"} {
		if err := os.RemoveAll(filepath.Join(root, heavy)); err != nil {
			return err
		}
	}
	return nil
}

// tail is the last lines of an output.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// output is what a command writes; where it fails, the error has what it complained of.
func output(c *exec.Cmd) ([]byte, error) {
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, tail(complaint.Bytes()))
	}
	return out, err
}
