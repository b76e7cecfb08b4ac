package inventory

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/playbooks/lang"
)

var (
	userRE    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	addressRE = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$`)
)

// checkReach looks at what a host block and the defaults block share.
func (l *loading) checkReach(b *hclsyntax.Block, r reach) {
	attrs := b.Body.Attributes
	if r.Port != nil && (*r.Port < 1 || *r.Port > 65535) {
		l.report(attrs["port"].Expr.Range(), fmt.Sprintf("%d is not a port", *r.Port), "ports are 1 to 65535")
	}
	if a := attrs["user"]; a != nil && r.User != "" && !userRE.MatchString(r.User) {
		l.report(a.Expr.Range(), fmt.Sprintf("%q cannot be a user", r.User), `write the login name alone, such as "root"`)
	}
	if r.Jump != nil && r.Control != nil {
		l.report(attrs["jump"].NameRange, "jump and control_path are two ways to the same host", "keep one of them: behind a control socket the way is the master's business")
	}
	for _, name := range []string{"jump", "control_path", "ssh_config"} {
		if a := attrs[name]; a != nil && l.inv.Lab != nil {
			l.report(a.NameRange, "a lab's hosts need no "+name, "take it away: hcrun starts them on this machine")
		}
	}
}

// address checks where a host is said to be; only the local ssh client may be left to say it.
func (l *loading) address(b *hclsyntax.Block, h Host) {
	a := b.Body.Attributes["address"]
	switch {
	case l.inv.Lab != nil && a != nil:
		l.report(a.NameRange, "a lab's hosts have no address", "take it away: hcrun starts them on this machine")
	case l.inv.Lab != nil, a == nil && h.SSHConfig:
	case a == nil:
		l.report(b.DefRange(), lang.Header(b)+" has no address", `write address = "..." in it`)
	case l.diags.HasErrors() && h.Address == "":
	default:
		if what, instead := addressFault(h.Address); what != "" {
			l.report(a.Expr.Range(), what, instead)
		}
	}
}

// addressFault is what is wrong with a host name or an IP address, "" if nothing is.
func addressFault(address string) (what, instead string) {
	switch {
	case address == "":
		return "the address is empty", "write a host name or an IP address"
	case net.ParseIP(address) != nil:
	case strings.Contains(address, "://"):
		return fmt.Sprintf("%q is a URL", address), "write only the host name or IP address"
	case strings.Contains(address, "@"):
		return fmt.Sprintf("%q holds a user", address), `write user = "..." beside the address`
	case strings.HasPrefix(address, "["):
		return fmt.Sprintf("%q has brackets", address), "write an IPv6 address without them, and port = ... beside it"
	case strings.Contains(address, ":"):
		return fmt.Sprintf("%q holds a port", address), "write port = ... beside the address"
	case !addressRE.MatchString(address) || strings.Contains(address, ".."):
		return fmt.Sprintf("%q is not an address", address), "write a host name or an IP address"
	}
	return "", ""
}
