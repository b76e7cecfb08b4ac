package inventory

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxSocketPath is how long the path of a Unix socket may be everywhere.
const maxSocketPath = 103

// The tokens of a control_path: those that need no ssh client, and all that ssh knows.
const (
	ownTokens = "hnpru%"
	sshTokens = "CdhijkLlnpru%"
)

// controlPath is the socket of a host, as a block says; whether there is one is seen when it is used. Where
// ssh is asked, ssh fills the tokens in.
func (l *loading) controlPath(h Host, path string, b *hclsyntax.Block) string {
	at := b.Body.Attributes["control_path"].Expr.Range()
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") {
		l.report(at, fmt.Sprintf("control_path %q is not absolute", path), `begin it with "/" or "~/", as in ssh's ControlPath`)
		return path
	}
	switch token := unknownToken(path, h.SSHConfig); token {
	case "":
	case "%C":
		l.report(at, "only ssh itself knows what %C is: its versions differ", "write ssh_config = true, or a path of %h, %p and %r")
	default:
		l.report(at, fmt.Sprintf("control_path has the unknown token %q", token), "there is %h address, %n name, %p port, %r remote user, %u local user, and %% for a percent sign")
	}
	path = l.files([]string{path})[0]
	if h.SSHConfig {
		return path
	}
	path = expand(path, h, "")
	if len(path) > maxSocketPath {
		l.report(at, fmt.Sprintf("the control_path of %q has %d characters; a socket's path has at most %d", h.Name, len(path), maxSocketPath), "choose a shorter one")
	}
	return path
}

// unknownToken is the first token of a path that is none, "" if all are; asks says that ssh is asked.
func unknownToken(path string, asks bool) string {
	known := ownTokens
	if asks {
		known = sshTokens
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		i++
		if i == len(path) {
			return "%"
		}
		if !strings.Contains(known, path[i:i+1]) {
			return path[i-1 : i+1]
		}
	}
	return ""
}

// expand fills the tokens of an ssh path in: %h address, %n name, %p port, %r remote user, %u local user, %i
// its number, %d home folder, %k the name in known_hosts, %l and %L this machine's name. What is none of them
// stays.
func expand(path string, h Host, home string) string {
	me, name := "", ""
	if u, err := user.Current(); err == nil {
		me = u.Username
	}
	if n, err := os.Hostname(); err == nil {
		name = n
	}
	short, _, _ := strings.Cut(name, ".")
	known := h.KnownAs
	if known == "" {
		known = h.Name
	}
	return strings.NewReplacer("%%", "%", "%h", h.Address, "%n", h.Name, "%p", strconv.Itoa(h.Port), "%r", h.User,
		"%u", me, "%i", strconv.Itoa(os.Getuid()), "%d", home, "%k", known, "%l", name, "%L", short).Replace(path)
}
