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

func (l *loading) checkPort(b *hclsyntax.Block, port *int) {
	if port != nil && (*port < 1 || *port > 65535) {
		l.report(b.Body.Attributes["port"].Expr.Range(), fmt.Sprintf("%d is not a port", *port), "ports are 1 to 65535")
	}
}

func (l *loading) checkUser(b *hclsyntax.Block, user string) {
	if a := b.Body.Attributes["user"]; a != nil && user != "" && !userRE.MatchString(user) {
		l.report(a.Expr.Range(), fmt.Sprintf("%q cannot be a user", user), `write the login name alone, such as "root"`)
	}
}

func (l *loading) address(b *hclsyntax.Block, address string) {
	a, given := b.Body.Attributes["address"]
	switch {
	case l.inv.Lab != nil && given:
		l.report(a.NameRange, "a lab's hosts have no address", "take it away: hcrun starts them on this machine")
	case l.inv.Lab != nil:
	case !given:
		l.report(b.DefRange(), lang.Header(b)+" has no address", `write address = "..." in it`)
	case l.diags.HasErrors() && address == "":
	case address == "":
		l.report(a.Expr.Range(), "the address is empty", "write a host name or an IP address")
	case net.ParseIP(address) != nil:
	case strings.Contains(address, "://"):
		l.report(a.Expr.Range(), fmt.Sprintf("%q is a URL", address), "write only the host name or IP address")
	case strings.Contains(address, "@"):
		l.report(a.Expr.Range(), fmt.Sprintf("%q holds a user", address), `write user = "..." beside the address`)
	case strings.HasPrefix(address, "["):
		l.report(a.Expr.Range(), fmt.Sprintf("%q has brackets", address), "write an IPv6 address without them, and port = ... beside it")
	case strings.Contains(address, ":"):
		l.report(a.Expr.Range(), fmt.Sprintf("%q holds a port", address), "write port = ... beside the address")
	case !addressRE.MatchString(address) || strings.Contains(address, ".."):
		l.report(a.Expr.Range(), fmt.Sprintf("%q is not an address", address), "write a host name or an IP address")
	}
}
