package tasks

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	maxEvidence   = 256 << 10
	evidenceQuick = 10 * time.Second // for all of it
	evidenceReal  = 5 * time.Second
)

// exited deals with new containers that have exited: their log is fetched at once, because the kubelet
// removes them within a second or two. The error is the verdict.
func (p *podWait) exited(ctx context.Context, ours []container) error {
	for _, c := range ours {
		if c.State != criExited || !p.fresh(c) || slices.Contains(p.exits, c.ID) || p.mark.Gone {
			continue
		}
		kept := podEvidence(ctx, p.w, c.ID)
		r, err := inspect(ctx, p.w, c.ID)
		if err != nil && lost(ctx, err) {
			return err
		}
		p.exits = append(p.exits, c.ID)
		if err == nil && r.Exit == 0 {
			continue // stopped, not crashed
		}
		p.crashes, p.kept = p.crashes+1, kept
		code := "an unknown status"
		if err == nil {
			code = fmt.Sprintf("status %d", r.Exit)
		}
		p.w.Say(fmt.Sprintf("new container %s exited with %s", c.short(), code))
		if err == nil && (!p.mark.Undoing || p.crashes >= maxDownExits) {
			return p.failed(ctx, fmt.Sprintf("the new container %s of %s exited with %s%s", c.short(), p.t.Name, code, said(kept)))
		}
	}
	return nil
}

// restarted tells whether a new container is already a further start of its pod: then an earlier one
// crashed between two looks. On the way down the pod's old starts are counted on by the kubelet.
func (p *podWait) restarted(ctx context.Context, c container) error {
	first := int64(0)
	if last, ok := p.mark.Attempts[c.UID]; ok {
		first = last + 1
	}
	if p.mark.Undoing || c.Attempt <= first {
		return nil
	}
	return p.failed(ctx, fmt.Sprintf("the new container of %s was restarted %d times by the kubelet%s", p.t.Name, c.Attempt-first, said(p.kept)))
}

// replaced is the verdict on a container that was good and does not run any more. On the way down the
// old container may be good until the kubelet comes to replace it.
func (p *podWait) replaced(ours []container) (string, bool) {
	what := "and nothing runs instead"
	for _, c := range ours {
		if c.State == criRunning {
			what = fmt.Sprintf("and container %s runs instead", c.short())
		}
		if c.State == criRunning && c.ID == p.goodID {
			return "", false
		}
	}
	return fmt.Sprintf("container %.12s of %s was good and is gone again, %s", p.goodID, p.t.Name, what), p.goodID != "" && !p.mark.Undoing
}

// overdue is the verdict when the time is up.
func (p *podWait) overdue(timeout time.Duration) string {
	what := fmt.Sprintf("%s was not good within %s: %s", p.t.Name, engine.Duration(timeout), p.why)
	if p.flaps > 0 {
		what += fmt.Sprintf("; it was good %d times, never for %s", p.flaps, engine.Duration(p.t.Stable.Or(podStable)))
	}
	return what
}

// failed makes the verdict: with what was seen when it was seen, and where to look.
func (p *podWait) failed(ctx context.Context, why string) error {
	kept := p.kept
	if kept == nil {
		kept = p.t.Evidence(ctx, p.w)
	}
	f := &engine.Failed{Why: why, Evidence: kept, Hint: hintFor(p.answer, p.askErr)}
	if p.id == "" {
		f.Why += kubeletSays(kept)
	}
	if at, what, err := strays(ctx, p.w, p.t.Manifest, p.mark); err == nil && at != "" {
		f.Hint = fmt.Sprintf("%s %s, and the kubelet runs every file in that folder", at, what)
	}
	if f.Hint == "" {
		f.Hint = "on " + p.w.Name() + ": crictl ps -a --name " + p.t.Name + "; journalctl -u kubelet"
	}
	return f
}

// podEvidence collects what is worth keeping, as far as it can be had quickly, the most perishable
// first.
func podEvidence(ctx context.Context, w engine.Watch, id string) []engine.Evidence {
	ctx, cancel := context.WithTimeout(ctx, max(w.Clock.Real(evidenceQuick), evidenceReal))
	defer cancel()
	var all []engine.Evidence
	keep := func(name string, data []byte, err error) {
		if err == nil && len(data) > 0 {
			all = append(all, engine.Evidence{Name: name, Data: data[max(0, len(data)-maxEvidence):]})
		}
	}
	if id != "" {
		text, err := w.Observe(ctx, "crictl", "--timeout=10s", "logs", "--tail=200", id)
		r, seen := inspect(ctx, w, id)
		if len(text) == 0 && logPath.MatchString(r.Log) {
			// crictl hands a container's standard error on as its own, which is where most servers log.
			text, err = w.Observe(ctx, "tail", "-n", "200", r.Log)
			text = criPrefix.ReplaceAll(text, nil)
		}
		keep("container-log", text, err)
		keep("crictl-inspect", r.Raw, seen)
	}
	text, err := w.Observe(ctx, "journalctl", "-u", "kubelet", "-n", "200", "--no-pager")
	keep("kubelet-log", text, err)
	return all
}

var (
	logPath   = regexp.MustCompile(`^(/[A-Za-z0-9_.@:+-]+)+$`)
	criPrefix = regexp.MustCompile(`(?m)^[0-9T:.+Z-]+ std(out|err) [FP] `)
)

// said quotes what a container's log ends on; "" when there is no log.
func said(kept []engine.Evidence) string {
	last := lastLine(kept, "container-log", func(l string) bool {
		return strings.Contains(l, "err=") || strings.Contains(l, "rror: ")
	})
	if last == "" {
		last = lastLine(kept, "container-log", func(string) bool { return true })
	}
	if last == "" {
		return ""
	}
	return ": " + last
}

// kubeletSays quotes why the kubelet makes no container; "" when its log does not tell.
func kubeletSays(kept []engine.Evidence) string {
	last := lastLine(kept, "kubelet-log", kubeletTrouble.MatchString)
	at := kubeletTrouble.FindStringIndex(last) // nil also when the word was cut off
	if at == nil {
		return ""
	}
	return "; the kubelet's log has: " + last[at[0]:]
}

var kubeletTrouble = regexp.MustCompile(`Create(Pod)?(Container|Sandbox)(Config)?Error|RunContainerError|ErrImage|ImagePullBackOff|couldn't parse as pod|[Cc]ould not process manifest|MountVolume\.SetUp failed|FailedMount|hostPath type check failed|back-off`)

// lastLine is the last line of some evidence that fits.
func lastLine(kept []engine.Evidence, name string, fits func(string) bool) string {
	last := ""
	for _, e := range kept {
		if e.Name != name {
			continue
		}
		for l := range strings.Lines(string(e.Data)) {
			if l = strings.TrimSpace(l); l != "" && fits(l) {
				last = l
			}
		}
	}
	return cut(last, 400)
}
