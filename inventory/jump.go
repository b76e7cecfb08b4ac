package inventory

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// maxHops is how many jump hosts a way may have; more are a mistake, and each costs a handshake.
const maxHops = 8

// way is a list of jump hosts as it is written.
type way struct {
	words []string
	expr  hclsyntax.Expression
	from  string
}

// at is where a word of the list stands.
func (w way) at(i int) hcl.Range {
	if list, ok := w.expr.(*hclsyntax.TupleConsExpr); ok && i < len(list.Exprs) {
		return list.Exprs[i].Range()
	}
	return w.expr.Range()
}

// way notes how a host is reached: over jump hosts, over a control socket, or neither. The host's own word
// for one of them takes the place of the defaults' word for either.
func (l *loading) way(h *Host, own reach, b *hclsyntax.Block) {
	for _, r := range []struct {
		reach
		block *hclsyntax.Block
		from  string
	}{{l.defaults, l.defaultsAt, FromDefaults}, {own, b, FromHost}} {
		if r.Jump == nil && r.Control == nil {
			continue
		}
		h.ControlPath = ""
		delete(l.ways, h.Name)
		delete(h.From, "jump")
		delete(h.From, "control_path")
		if r.Jump != nil {
			l.ways[h.Name] = way{r.Jump, r.block.Body.Attributes["jump"].Expr, r.from}
			h.From["jump"] = r.from
		}
		if r.Control != nil {
			h.From["control_path"] = r.from
			if *r.Control != "" {
				h.ControlPath = l.controlPath(*h, *r.Control, r.block)
			}
		}
	}
	if h.SSHConfig {
		l.inv.asks[h.Name] = b.DefRange()
		if a := b.Body.Attributes["ssh_config"]; a != nil {
			l.inv.asks[h.Name] = a.Range()
		}
	}
}

// jumps works out the way to every host.
func (l *loading) jumps() {
	for i := range l.inv.Hosts {
		h := &l.inv.Hosts[i]
		h.Jump = l.hops(*h, nil)
		w := l.ways[h.Name]
		if len(h.Jump) > maxHops {
			l.report(w.expr.Range(), fmt.Sprintf("the way to %q has %d jump hosts", h.Name, len(h.Jump)), fmt.Sprintf("at most %d", maxHops))
		}
		if twice := repeated(h.Jump); twice != "" {
			l.report(w.expr.Range(), fmt.Sprintf("the way to %q goes over %s twice", h.Name, twice), "once is enough")
		}
	}
}

// repeated is the name of a host that is on a way twice, "" if none is.
func repeated(hops []Host) string {
	seen := map[string]bool{}
	for _, hop := range hops {
		if seen[hop.Name] {
			return hop.Name
		}
		seen[hop.Name] = true
	}
	return ""
}

// hops are the jump hosts of a host, its first one's own before them, as ssh goes. path are the hosts whose
// ways led here.
func (l *loading) hops(h Host, path []string) []Host {
	w, path := l.ways[h.Name], append(slices.Clip(path), h.Name)
	var hops []Host
	for i, word := range w.words {
		hop, ok := l.hop(word, w.at(i))
		if !ok {
			continue
		}
		if at := slices.Index(path, hop.Name); at >= 0 {
			if at == 0 { // every host of a circle finds it from its own side
				l.report(w.at(i), fmt.Sprintf("the way to %q leads over itself: %s", hop.Name, strings.Join(append(path, hop.Name), " -> ")), l.leaveOut(w, hop.Name))
			}
			continue
		}
		if hop.ControlPath != "" && i > 0 {
			l.report(w.at(i), fmt.Sprintf("host %q has a control_path, so it can only be the first jump host", hop.Name), "write it first, or jump over its address")
		}
		if i == 0 {
			hops = append(hops, l.hops(hop, path)...)
		}
		hop.Jump = nil
		hops = append(hops, hop)
	}
	return hops
}

// leaveOut says how a circle is opened.
func (l *loading) leaveOut(w way, name string) string {
	if l.ways[name].from == FromDefaults {
		return fmt.Sprintf("the defaults hold for it too: write jump = [] in host %q", name)
	}
	return "take one of these jumps away"
}

// hop is the host that a word of a jump list means.
func (l *loading) hop(word string, at hcl.Range) (Host, bool) {
	if h, ok := l.inv.Host(word); ok {
		return h, true
	}
	if !strings.ContainsAny(word, "@:.") {
		l.report(at, fmt.Sprintf("there is no host %q to jump over", word), lang.DidYouMean(word, l.inv.hostNames())+"\nan address is written \"user@host:port\"")
		return Host{}, false
	}
	user, address, port, fault := parseHop(word)
	if fault == "" && user != "" && !userRE.MatchString(user) {
		fault = fmt.Sprintf("%q cannot be a user", user)
	}
	if fault == "" {
		fault, _ = addressFault(address)
	}
	if fault != "" {
		l.report(at, fmt.Sprintf("jump host %q: %s", word, fault), `write "user@host:port", or the name of another host`)
		return Host{}, false
	}
	h := Host{Name: word, Address: address}
	own := reach{User: user}
	if port != 0 {
		own.Port = &port
	}
	l.fill(&h, own, FromJump)
	h.From["address"], h.Become, h.Vars = FromJump, false, nil
	l.inv.asks[word] = at
	return h, true
}

// parseHop takes "user@host:port" apart; the user and the port may be missing, and an IPv6 address may have
// brackets. fault says what is wrong.
func parseHop(word string) (user, address string, port int, fault string) {
	address = word
	if at := strings.LastIndexByte(word, '@'); at >= 0 {
		user, address = word[:at], word[at+1:]
		if user == "" {
			return "", "", 0, "the user is empty"
		}
	}
	if net.ParseIP(address) != nil {
		return user, address, 0, ""
	}
	if bare, ok := strings.CutPrefix(address, "["); ok && strings.HasSuffix(bare, "]") {
		return user, strings.TrimSuffix(bare, "]"), 0, ""
	}
	if strings.Contains(address, ":") {
		host, text, err := net.SplitHostPort(address)
		if err != nil {
			return "", "", 0, "this is no host and port"
		}
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", "", 0, fmt.Sprintf("%q is not a port", text)
		}
		return user, host, int(n), ""
	}
	return user, address, 0, ""
}
