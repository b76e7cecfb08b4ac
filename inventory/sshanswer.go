package inventory

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what `ssh -G` printed: values by keyword, in lower case.
type answer map[string][]string

func parseAnswer(out []byte) answer {
	a := answer{}
	for line := range strings.Lines(string(out)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if ok && key != "" {
			key = strings.ToLower(key)
			a[key] = append(a[key], value)
		}
	}
	return a
}

// one is the value of a keyword; "none" counts as nothing.
func (a answer) one(key string) string {
	if len(a[key]) == 0 || strings.EqualFold(a[key][0], "none") {
		return ""
	}
	return a[key][0]
}

// fill gives a host what its inventory does not say.
func (a answer) fill(h *Host) error {
	if err := a.refuse(*h); err != nil {
		return err
	}
	target := h.target()
	set := func(setting, value string, to func(string)) {
		if value != "" && !h.given(setting) {
			to(value)
			h.From[setting] = FromSSH
		}
	}
	set("address", a.one("hostname"), func(v string) { h.Address = v })
	set("user", a.one("user"), func(v string) { h.User = v })
	set("port", a.one("port"), func(v string) { h.Port, _ = strconv.Atoi(v) })
	set("connect_timeout", a.one("connecttimeout"), func(v string) {
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			h.ConnectTimeout = time.Duration(n) * time.Second
		}
	})
	fault := ""
	if _, err := netip.ParseAddr(h.Address); err != nil { // which may have a zone
		fault, _ = addressFault(h.Address)
	}
	if fault != "" || h.Port < 1 || h.Port > 65535 {
		return &sshFault{fmt.Sprintf("the local ssh client says hostname %q and port %q", a.one("hostname"), a.one("port")), "try it: ssh -G " + target}
	}
	if h.ControlPath != "" {
		return a.control(h)
	}
	h.KnownAs = a.one("hostkeyalias")
	h.IdentitiesOnly = a.one("identitiesonly") == "yes"
	if err := a.keys(h, target); err != nil {
		return err
	}
	return a.jump(h)
}

// refuse names what ssh would do and hcrun does not: to go on without it would be to reach another host, or
// to trust more.
func (a answer) refuse(h Host) error {
	if h.ControlPath != "" {
		return nil
	}
	for _, r := range []struct{ key, name, unless, instead string }{
		{"proxycommand", "ProxyCommand", "jump", "write jump = [...] or control_path = \"...\" in the host"},
		{"certificatefile", "CertificateFile", "identity_files", "write identity_files = [...] in the host, or control_path = \"...\""},
		{"pkcs11provider", "PKCS11Provider", "identity_files", "load the key into an agent and write identity_files = [...] in the host, or control_path = \"...\""},
		{"knownhostscommand", "KnownHostsCommand", "known_hosts", "write known_hosts = [...] in the host"},
		{"revokedhostkeys", "RevokedHostKeys", "", `put "@revoked" lines into known_hosts instead`},
		{"bindaddress", "BindAddress", "", "write control_path = \"...\" in the host"},
		{"bindinterface", "BindInterface", "", "write control_path = \"...\" in the host"},
	} {
		if a.one(r.key) != "" && !h.given(r.unless) {
			return &sshFault{"ssh's configuration has " + r.name + " for it, which hcrun does not follow", r.instead}
		}
	}
	return nil
}

// control takes over the control path whose tokens ssh has filled in.
func (a answer) control(h *Host) error {
	if path := a.one("controlpath"); path != "" {
		h.ControlPath = path
	}
	if len(h.ControlPath) > maxSocketPath {
		return &sshFault{fmt.Sprintf("the control_path %s has %d characters; a socket's path has at most %d", h.ControlPath, len(h.ControlPath), maxSocketPath), "choose a shorter one"}
	}
	return nil
}

// keys takes over the files of keys and of known hosts, and the agent.
func (a answer) keys(h *Host, target string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "~"
	}
	as := *h
	as.Name = target
	path := func(p string) (string, error) { return sshPath(p, as, home) }
	if !h.given("identity_files") {
		h.Identities = []string{} // not nil: ssh's own list may be empty
		for _, file := range a["identityfile"] {
			p, err := path(file)
			if err != nil {
				return err
			}
			if exists(p) || exists(p+".pub") { // ssh passes over the rest as well
				h.Identities = append(h.Identities, p)
			}
		}
		h.From["identity_files"] = FromSSH
	}
	if !h.given("known_hosts") {
		h.KnownHosts = []string{}
		for _, file := range append(files(a.one("userknownhostsfile")), files(a.one("globalknownhostsfile"))...) {
			p, err := path(file)
			if err != nil {
				return err
			}
			h.KnownHosts = append(h.KnownHosts, p)
		}
		h.From["known_hosts"] = FromSSH
	}
	return a.agent(h, path)
}

// agent takes over IdentityAgent: "none", a socket, or the name of a variable that holds one.
func (a answer) agent(h *Host, path func(string) (string, error)) error {
	if h.given("agent") || len(a["identityagent"]) == 0 {
		return nil
	}
	h.From["agent"] = FromSSH
	v := a["identityagent"][0]
	switch {
	case strings.EqualFold(v, "none"):
		no := false
		h.Agent = &no
		return nil
	case v == "SSH_AUTH_SOCK":
		return nil
	case strings.HasPrefix(v, "$") && !strings.HasPrefix(v, "${"):
		h.AgentSocket = os.Getenv(v[1:])
		return nil
	}
	p, err := path(v)
	h.AgentSocket = p
	return err
}

// jump takes over ProxyJump; what ssh says of the jump hosts themselves is asked for them.
func (a answer) jump(h *Host) error {
	list := a.one("proxyjump")
	if list == "" || h.given("jump") {
		return nil
	}
	h.From["jump"], h.Jump = FromSSH, nil
	for word := range strings.SplitSeq(list, ",") {
		user, name, port, fault := parseHop(strings.TrimPrefix(strings.TrimSpace(word), "ssh://"))
		if fault == "" && (name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(user, "-")) {
			fault = "this is no host"
		}
		if fault != "" {
			return &sshFault{fmt.Sprintf("ssh's configuration has the jump host %q: %s", word, fault), "write jump = [...] in the host"}
		}
		hop := Host{Name: name, User: defaultUser, Port: defaultPort, ConnectTimeout: defaultTimeout, SSHConfig: true, From: map[string]string{"ssh_config": FromSSH}}
		if user != "" {
			hop.User, hop.From["user"] = user, FromJump
		}
		if port != 0 {
			hop.Port, hop.From["port"] = port, FromJump
		}
		h.Jump = append(h.Jump, hop)
	}
	return nil
}

// files takes a list of paths apart as ssh prints it, where a blank may also be part of a path: every path
// begins with "/", "~" or a variable.
func files(list string) []string {
	var all []string
	for word := range strings.SplitSeq(list, " ") {
		if len(all) == 0 || strings.HasPrefix(word, "/") || strings.HasPrefix(word, "~") || strings.HasPrefix(word, "$") {
			all = append(all, word)
		} else {
			all[len(all)-1] += " " + word
		}
	}
	return slices.DeleteFunc(all, func(f string) bool { return f == "" || strings.EqualFold(f, "none") })
}

var variableRE = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// sshPath is a path as ssh means it: with "~", tokens and ${VARIABLE}.
func sshPath(path string, h Host, home string) (string, error) {
	if token := unknownToken(path, true); token != "" || strings.Contains(path, "%C") || strings.Contains(path, "%j") {
		return "", &sshFault{fmt.Sprintf("ssh's configuration names the file %q, whose tokens hcrun does not know", path), "write it in the inventory"}
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = home + "/" + rest
	}
	missing := ""
	path = variableRE.ReplaceAllStringFunc(path, func(v string) string {
		text, ok := os.LookupEnv(v[2 : len(v)-1])
		if !ok {
			missing = v[2 : len(v)-1]
		}
		return text
	})
	if missing != "" {
		return "", &sshFault{fmt.Sprintf("ssh's configuration names a file with ${%s}, and the environment does not have it", missing), "set it, or write the file in the inventory"}
	}
	return expand(path, h, home), nil
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
