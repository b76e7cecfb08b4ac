package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// atOnce is how many ssh clients are asked at the same time.
const atOnce = 4

// Resolve asks the local ssh client (`ssh -G`) for what the inventory does not say of the hosts that have
// ssh_config: address, port, user, keys, agent, known hosts, jump hosts, time to connect. Without such hosts
// it asks nothing. It never connects, but the client may run the operator's own Match exec. The error is a
// *lang.Error with everything that was found, or ctx's own.
func (i *Inventory) Resolve(ctx context.Context, ssh SSH) error {
	r := &resolving{inv: i, ssh: ssh, answers: map[string]func() (answer, error){}}
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for at := range i.Hosts {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			h, err := r.host(ctx, i.Hosts[at], nil)
			if err != nil {
				r.report(i.Hosts[at], err)
				return
			}
			i.Hosts[at] = h
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lang.AsError(r.diags, i.sources)
}

// resolving is one Resolve.
type resolving struct {
	inv *Inventory
	ssh SSH

	mu      sync.Mutex
	answers map[string]func() (answer, error) // by arguments: jump hosts are asked for once
	diags   hcl.Diagnostics
}

// sshFault is what is in the way of following ssh's configuration.
type sshFault struct{ what, instead string }

func (f *sshFault) Error() string { return f.what }

func (r *resolving) report(h Host, err error) {
	instead := ""
	if f, ok := errors.AsType[*sshFault](err); ok {
		instead = f.instead
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.diags = append(r.diags, lang.Diag(r.inv.asks[h.Name], fmt.Sprintf("host %q: %v", h.Name, err), instead))
}

// host fills in what ssh says of a host and of those on the way to it; path are the names that led here.
func (r *resolving) host(ctx context.Context, h Host, path []string) (Host, error) {
	path, circle := append(slices.Clip(path), h.Name), slices.Contains(path, h.Name)
	if circle || len(path) > maxHops+1 {
		return h, &sshFault{"the jump hosts of ssh's configuration lead nowhere: " + strings.Join(path, " -> "), "a `Host *` with ProxyJump holds for the jump host itself: give that one ProxyJump none"}
	}
	if h.SSHConfig {
		h.From = maps.Clone(h.From) // jump hosts are copies of one host
		a, err := r.ask(ctx, h)
		if err == nil {
			err = a.fill(&h)
		}
		if f, ok := errors.AsType[*sshFault](err); ok && len(path) > 1 {
			err = &sshFault{"jump host " + h.Name + ": " + f.what, f.instead}
		}
		if err != nil {
			return h, err
		}
	}
	var way []Host
	for n, hop := range h.Jump {
		hop, err := r.host(ctx, hop, path)
		if err != nil {
			return h, err
		}
		if n == 0 {
			way = append(way, hop.Jump...)
		}
		hop.Jump = nil
		way = append(way, hop)
	}
	if twice := repeated(way); twice != "" {
		return h, &sshFault{"the way there goes over " + twice + " twice", "write jump = [...] in the host"}
	}
	if len(way) > maxHops {
		return h, &sshFault{fmt.Sprintf("the way there has %d jump hosts; at most %d", len(way), maxHops), "write jump = [...] in the host"}
	}
	h.Jump = way
	return h, nil
}

// target is what would be typed after ssh.
func (h Host) target() string {
	if h.Address != "" {
		return h.Address
	}
	return h.Name
}

// ask returns what ssh would do with a host. What the inventory says is passed on, since Match may look at
// it.
func (r *resolving) ask(ctx context.Context, h Host) (answer, error) {
	args := []string{"-G"}
	if h.given("user") {
		args = append(args, "-l", h.User)
	}
	if h.given("port") {
		args = append(args, "-p", strconv.Itoa(h.Port))
	}
	if h.ControlPath != "" {
		args = append(args, "-o", "ControlPath="+h.ControlPath)
	}
	args = append(args, "--", h.target())
	key := strings.Join(args, "\x00")
	r.mu.Lock()
	once, ok := r.answers[key]
	if !ok {
		once = sync.OnceValues(func() (answer, error) {
			out, err := r.ssh(ctx, args...)
			if err != nil {
				return nil, askFault(h, err)
			}
			return parseAnswer(out), nil
		})
		r.answers[key] = once
	}
	r.mu.Unlock()
	return once()
}

func askFault(h Host, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return &sshFault{"ssh_config asks the local ssh client, and this machine has none", "install OpenSSH's client, or take ssh_config away"}
	}
	return &sshFault{fmt.Sprintf("ask the local ssh client: %v", err), "try it: ssh -G " + h.target()}
}
