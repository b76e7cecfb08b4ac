package tasks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	podPoll  = 500 * time.Millisecond // what a crashed container leaves is gone within a second or two
	goodPoll = time.Second            // while a good pod is watched
	// maxDownExits is how many exits on the way down are a crash loop of the restored pod: the pod that
	// was just undone may still exit once or twice.
	maxDownExits = 3
)

// podWait is one wait: what it has seen so far.
type podWait struct {
	t    *WaitForPod
	w    engine.Watch
	mark podMark

	want   podSpec      // of the manifest as it lies on the node
	client *http.Client // nil until the CA is at hand

	id     string // the container that is judged
	runs   runs   // of it
	streak int    // answers of 200 in a row
	goodID string // the container that was all good at one look
	flaps  int    // times that it was good and ceased to be

	exits   []string          // new containers that were seen exited
	crashes int               // those of them that did not exit with 0
	kept    []engine.Evidence // what the last of them left
	answer  answer            // the last of the endpoint
	askErr  error
	why     string // what is in the way, for the operator and for the failure
}

// wait looks until all is good, and again until the stable time has passed.
func (p *podWait) wait(ctx context.Context) error {
	timeout, stable := p.t.Timeout.Or(podTimeout), p.t.Stable.Or(podStable)
	elapsed := p.w.Stopwatch()
	told := ""
	var good func() time.Duration // since the first good look of a row without a bad one
	for {
		last := good != nil && good() >= stable
		ok, err := p.look(ctx, last)
		if ok && last && err == nil {
			ok, err = p.alone(ctx)
		}
		switch {
		case err != nil:
			return err
		case ok && last:
			p.w.Say(fmt.Sprintf("good for %s: %s", engine.Duration(stable), p.what()))
			return nil
		case ok && good == nil:
			good = p.w.Stopwatch()
			p.w.Say(fmt.Sprintf("%s; watching it for %s", p.what(), engine.Duration(stable)))
		case !ok && good != nil:
			good = nil
			p.flaps++
			told = p.why
			p.w.Say("no longer good: " + p.why)
		case !ok && p.why != told:
			told = p.why
			p.w.Say(p.why)
		}
		if good == nil && elapsed() >= timeout {
			return p.failed(ctx, p.overdue(timeout))
		}
		pause := podPoll
		if good != nil {
			pause = goodPoll
		}
		if err := p.w.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// alone looks whether a file has come beside the manifest that the kubelet runs too. Which of the two it runs at
// the moment says nothing about the next time that it lists them.
func (p *podWait) alone(ctx context.Context) (bool, error) {
	if p.mark.Undoing || p.mark.Gone {
		return true, nil // what was there before is as it was
	}
	at, what, err := strays(ctx, p.w, p.t.Manifest, p.mark)
	switch {
	case err != nil:
		return false, p.later(ctx, "the manifest's folder cannot be looked at", err)
	case at != "":
		return false, p.failed(ctx, fmt.Sprintf("%s runs as the manifest says, but %s has come, which %s", p.t.Name, at, what))
	}
	return true, nil
}

// what names what is good.
func (p *podWait) what() string {
	switch {
	case p.mark.Gone:
		return "no container runs"
	case p.t.Ready == "":
		return fmt.Sprintf("container %.12s runs with the manifest's arguments", p.id)
	}
	return fmt.Sprintf("container %.12s runs with the manifest's arguments and is ready", p.id)
}

// look looks once. full asks for everything anew, whatever is known from earlier looks. An error ends
// the wait; what may still come good is p.why.
func (p *podWait) look(ctx context.Context, full bool) (good bool, err error) {
	list, err := containers(ctx, p.w, p.t.Name)
	if err != nil {
		return false, p.later(ctx, "crictl gives no answer", err)
	}
	ours := p.mark.ours(list)
	if err := p.exited(ctx, ours); err != nil {
		return false, err
	}
	id, err := p.candidate(ctx, ours)
	if err != nil {
		return false, err
	}
	if p.mark.Gone {
		return id == "" && p.why == "", nil
	}
	if what, gone := p.replaced(ours); gone {
		return false, p.failed(ctx, what)
	}
	if id == "" {
		p.streak = 0
		return false, nil
	}
	same, err := p.same(ctx, id, full)
	if err != nil || !same {
		p.streak = 0
		return false, err
	}
	good, err = p.ready(ctx)
	if good {
		p.goodID = id
	}
	return good, err
}

// candidate picks the one container that may be judged; "" when there is none, and p.why then says so.
func (p *podWait) candidate(ctx context.Context, ours []container) (string, error) {
	var running, fresh []container
	for _, c := range ours {
		if c.State == criRunning {
			running = append(running, c)
		}
		if p.fresh(c) {
			fresh = append(fresh, c)
		}
	}
	p.why = ""
	switch {
	case len(running) > 1:
		p.why = fmt.Sprintf("%d containers run at once: %.12s and %.12s", len(running), running[0].ID, running[1].ID)
	case len(running) == 1 && p.mark.Gone:
		p.why = fmt.Sprintf("container %s still runs", running[0].short())
	case p.mark.Gone:
	case len(running) == 1 && p.fresh(running[0]):
		if err := p.restarted(ctx, running[0]); err != nil {
			return "", err
		}
		return running[0].ID, nil
	case len(running) == 1 && p.mark.Undoing && slices.Contains(p.mark.IDs, running[0].ID):
		return running[0].ID, nil // judged by its arguments and mounts
	case len(running) == 1:
		p.why = fmt.Sprintf("the old container %s still runs", running[0].short())
	case len(fresh) > 0:
		p.why = fmt.Sprintf("new container %s is %s", newest(fresh).short(), stateWord(newest(fresh).State))
	default:
		p.why = "the old container has stopped; no new one yet"
	}
	return "", nil
}

// fresh reports whether the container is of the pod that the change makes.
func (p *podWait) fresh(c container) bool {
	if slices.Contains(p.mark.IDs, c.ID) || c.Created <= p.mark.Node {
		return false
	}
	return p.mark.Undoing || !slices.Contains(p.mark.Running, c.UID)
}

// same reports whether container id runs as the manifest on the node says now.
func (p *podWait) same(ctx context.Context, id string, full bool) (bool, error) {
	if id != p.id || full {
		text, err := readFile(ctx, p.w, p.t.Manifest, maxManifest)
		if err != nil {
			return false, p.later(ctx, "the manifest cannot be read", err)
		}
		if p.want, err = readPod(text, p.t.Name); err != nil {
			return false, p.later(ctx, "the manifest cannot be read", err)
		}
		r, err := inspect(ctx, p.w, id)
		if err != nil {
			return false, p.later(ctx, fmt.Sprintf("container %.12s cannot be inspected", id), err)
		}
		p.id, p.runs = id, r
	}
	if why := p.want.differs(p.runs); why != "" {
		p.why = fmt.Sprintf("container %.12s is not what the manifest says: %s", id, why)
		if slices.Contains(p.mark.IDs, id) {
			p.why = fmt.Sprintf("the container %.12s of before the undoing still runs: %s", id, why)
		}
		return false, nil
	}
	if slices.Contains(p.mark.IDs, id) && !p.want.mounted(p.runs) {
		p.why = fmt.Sprintf("the container %.12s of before still runs, with other mounts than the manifest's", id)
		return false, nil
	}
	return true, nil
}

// ready asks the endpoint once, and reports whether it has answered 200 often enough in a row.
func (p *podWait) ready(ctx context.Context) (bool, error) {
	if p.t.Ready == "" {
		return true, nil
	}
	e := p.t.endpoint()
	if p.client == nil {
		c, err := e.client(ctx, p.w)
		if err != nil {
			return false, p.later(ctx, "the endpoint cannot be asked", err)
		}
		p.client = c
	}
	p.answer, p.askErr = e.ask(ctx, p.w, p.client)
	if p.askErr != nil && lost(ctx, p.askErr) {
		return false, p.askErr
	}
	if p.askErr != nil || p.answer.Status != http.StatusOK {
		p.streak = 0
		p.why = fmt.Sprintf("container %.12s runs; %s %s", p.id, p.t.Ready, e.saw(p.answer, p.askErr))
		return false, nil
	}
	passes := p.t.Passes
	if passes == 0 {
		passes = podPasses
	}
	p.streak++
	p.why = fmt.Sprintf("container %.12s runs; %s answers 200", p.id, p.t.Ready)
	return p.streak >= passes, nil
}

// later keeps what is in the way for the next look. Only a node that cannot be reached, or a context
// that ended, ends the wait.
func (p *podWait) later(ctx context.Context, what string, err error) error {
	if lost(ctx, err) {
		return err
	}
	p.streak = 0
	p.why = fmt.Sprintf("%s: %s", what, line(err.Error()))
	if exit, ok := errors.AsType[*engine.ExitError](err); ok {
		p.why = fmt.Sprintf("%s: %s", what, line(exit.Stderr))
	}
	return nil
}

// newest is the container that was created last.
func newest(list []container) container {
	return slices.MaxFunc(list, func(a, b container) int { return int(min(max(a.Created-b.Created, -1), 1)) })
}

func stateWord(state string) string {
	switch state {
	case criRunning:
		return "running"
	case criExited:
		return "exited"
	case "CONTAINER_CREATED":
		return "created, and not started yet"
	}
	return "in an unknown state"
}
