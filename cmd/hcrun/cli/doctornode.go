package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks"
)

// askTimeout bounds each question to a node.
const askTimeout = 20 * time.Second

// patient is a node that is being looked at. It can only be watched.
type patient struct {
	engine.Node
	clock engine.Clock
	found []finding
	plain bool // no kubelet is set up here: a bastion, say
}

// examine looks at a node that is connected.
func examine(ctx context.Context, n engine.Node, clock engine.Clock) []finding {
	p := &patient{Node: n, clock: clock}
	for _, ask := range []func(context.Context){p.root, p.time, p.disks, p.strays, p.kubelet, p.runtime, p.apiServer} {
		bounded, cancel := context.WithTimeout(ctx, askTimeout)
		ask(bounded)
		cancel()
	}
	return p.found
}

func (p *patient) say(check string, l level, do, format string, args ...any) {
	f := finding{Node: p.Name(), Check: check, Level: l, Text: fmt.Sprintf(format, args...), Do: do}
	if l == inTheWay {
		f.code = engine.Preflight
	}
	p.found = append(p.found, f)
}

// root asks as whom files would be written.
func (p *patient) root(ctx context.Context) {
	out, err := p.Observe(ctx, "id", "-u")
	switch uid := strings.TrimSpace(string(out)); {
	case err != nil:
		p.say("user", warning, "", "it cannot be told who works there: %v", err)
	case uid != "0":
		p.say("user", inTheWay, `user = "root" or become = true in the inventory`, "it works there as user id %s, and what a master has belongs to root", uid)
	default:
		p.say("user", fine, "", "it works there as root")
	}
}

// time compares the node's clock with this machine's.
func (p *patient) time(ctx context.Context) {
	by, err := skew(ctx, p, p.clock)
	switch {
	case err != nil:
		p.say("clock", warning, "", "its clock cannot be read: %v", err)
	case by.Abs() > maxSkew:
		p.say("clock", inTheWay, "set whichever is wrong: timedatectl", "its clock is %s; more than %s make guards and evidence worthless", apart(by), engine.Duration(maxSkew))
	case by.Abs() > noteSkew:
		p.say("clock", warning, "look at its time synchronisation: timedatectl", "its clock is %s", apart(by))
	default:
		p.say("clock", fine, "", "its clock is this machine's, to the %s", noteSkew)
	}
}

const (
	manifests     = "/etc/kubernetes/manifests"
	kubeletConfig = "/var/lib/kubelet/config.yaml"
)

var staticPodPath = regexp.MustCompile(`(?m)^staticPodPath:\s*"?(/[^"\s#]+)"?\s*(?:#.*)?$`)

// strays asks for files that the kubelet would run besides, or instead of, the manifests.
func (p *patient) strays(ctx context.Context) {
	images, err := p.Look(ctx, kubeletConfig)
	dir := manifests
	if err == nil && images[0].Kind == engine.File {
		text, read := images[0].Content.Read(ctx, 1<<20)
		if m := staticPodPath.FindSubmatch(text); m != nil {
			dir = path.Clean(string(m[1]))
		}
		err = read
	}
	var folder []engine.Image
	if err == nil {
		folder, err = p.Look(ctx, dir)
	}
	var wrong []string
	if err == nil {
		wrong, err = tasks.Strays(ctx, p.Look, dir)
	}
	switch {
	case err != nil:
		p.say("pods", warning, "", "%s cannot be looked at: %v", dir, err)
	case folder[0].Kind != engine.Dir:
		p.plain = true
		p.say("pods", warning, "", "there is no %s: no kubelet is set up here", dir)
	case len(wrong) == 0:
		p.say("pods", fine, "", "nothing but manifests in %s", dir)
	}
	for _, why := range wrong {
		p.say("pods", inTheWay, "", "%s", why)
	}
}

// kubelet asks systemd: what the kubelet itself answers says nothing of the next hour.
func (p *patient) kubelet(ctx context.Context) {
	if p.plain {
		return
	}
	out, err := p.Observe(ctx, "systemctl", "is-active", "kubelet")
	exit, ended := errors.AsType[*engine.ExitError](err)
	switch {
	case err == nil:
		p.say("kubelet", fine, "", "the kubelet is %s", strings.TrimSpace(string(out)))
	case ended && exit.Code != 127:
		p.say("kubelet", inTheWay, "systemctl status kubelet, on the node", "the kubelet is %s", strings.TrimSpace(string(out)+exit.Stderr))
	default:
		p.say("kubelet", warning, "", "whether the kubelet runs cannot be asked: %v", err)
	}
}

// runtime asks the container runtime, the way waits do.
func (p *patient) runtime(ctx context.Context) {
	if p.plain {
		return
	}
	out, err := p.Observe(ctx, "crictl", "--timeout=10s", "ps", "-q")
	if err != nil {
		p.say("runtime", inTheWay, "crictl ps, on the node", "the container runtime does not answer: %v", err)
		return
	}
	p.say("runtime", fine, "", "the container runtime answers; %d containers run", len(strings.Fields(string(out))))
}

const readyz = "https://127.0.0.1:6443/readyz"

// apiServer asks the node's own API server, where it has one, once.
func (p *patient) apiServer(ctx context.Context) {
	images, err := p.Look(ctx, manifests+"/kube-apiserver.yaml")
	if err != nil || images[0].Kind != engine.File {
		return
	}
	last := ""
	w := engine.Watch{Node: p.Node, Clock: p.clock, Say: func(s string) { last = s }}
	check := &tasks.HttpCheck{URL: readyz, Timeout: 1}
	if _, err := check.Mark(ctx, w, nil); err != nil {
		p.say("api", warning, "", "%v", err)
		return
	}
	if err := check.Check(ctx, w, nil); err != nil {
		if last == "" {
			last = err.Error()
		}
		p.say("api", inTheWay, "crictl ps -a --name kube-apiserver, on the node", "%s", last)
		return
	}
	p.say("api", fine, "", "its API server is ready")
}
