package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

// note says something beside the events: on standard error when standard output is for programs.
func (a *app) note(format string, args ...any) {
	w := a.out
	if a.json {
		w = a.errOut
	}
	fmt.Fprintf(w, "%s\n", strings.ReplaceAll(ui.Clean(fmt.Sprintf(format, args...)), "\n", "\n  "))
}

// next says what to type next after something that was no failure.
func (a *app) next(err error) {
	if p, ok := errors.AsType[*engine.Problem](err); ok && p.Next != "" {
		a.note("next: %s", p.Next)
	}
}

// landed is the last line of a run that went well.
func (a *app) landed(r *engine.Run) {
	switch {
	case r.State == engine.Untouched:
		a.note("%s: run %s had written nothing, and has ended", r.Node, r.ID)
	case !r.Changed && r.Clean:
		a.note("%s: everything was in place and is proven; nothing was changed", r.Node)
	case !r.Clean:
		a.note("%s landed, eventful: the next node is held until `hcrun ack %s --reason TEXT`", r.Node, r.ID)
	default:
		a.note("%s landed; undo it with: hcrun rollback %s", r.Node, r.ID)
	}
}

// confirm asks, unless yes was said before.
func (a *app) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !a.terminal {
		p := engine.Problemf(engine.Operator, "%s There is no terminal to ask on", question)
		p.Now, p.Next = "nothing was changed", "the same command with --yes"
		return p
	}
	fmt.Fprintf(a.out, "%s [y/N] ", a.style.Bold(question))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case s := <-answer:
		if s == "y" || s == "yes" {
			return nil
		}
		if s == "" {
			fmt.Fprintln(a.out) // the end of input leaves the cursor behind the question
		}
	}
	p := engine.Problemf(engine.Operator, "not confirmed")
	p.Now = "nothing was changed"
	return p
}

// display is where a run's events go: the screen and the log file.
func (a *app) display(zone *time.Location, before []engine.Event) (show func(engine.Event), done func()) {
	screen := func(engine.Event) {}
	if a.json {
		a.events = true
		screen = (&ui.JSON{W: a.out}).Show
	} else {
		text := &ui.Text{W: a.out, Style: a.style, Zone: zone}
		text.Recall(before)
		screen = text.Show
	}
	log, done := a.logFile()
	return func(e engine.Event) {
		screen(e)
		logEvent(log, e)
	}, done
}

// logFile is the state folder's log; where it cannot be written the journal still has everything.
func (a *app) logFile() (zerolog.Logger, func()) {
	dir, err := a.stateDir()
	if err != nil {
		return zerolog.Nop(), func() {}
	}
	f, err := os.OpenFile(filepath.Join(dir, "hcrun.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return zerolog.Nop(), func() {}
	}
	return zerolog.New(&veiled{f, a.veil}).With().Int("pid", os.Getpid()).Logger(), func() { f.Close() }
}

// logEvent is one line of the log file. The plan itself is in the journal.
func logEvent(log zerolog.Logger, e engine.Event) {
	line := log.Info()
	if e.Kind == engine.EvFailed || e.Kind == engine.EvIncomplete {
		line = log.Warn()
	}
	line = line.Time("at", e.At).Str("run", e.Run).Str("event", string(e.Kind))
	if e.Opened != nil {
		line = line.Str("playbook", e.Opened.Playbook).Str("node", e.Opened.Node).Str("user", e.Opened.User)
	}
	if e.Op != nil {
		line = line.Int("step", e.Op.Step).Str("path", e.Op.Path).Str("text", e.Op.Text).Bool("down", e.Op.Down)
	}
	if e.Gate != nil {
		line = line.Str("gate", e.Gate.Gate).Str("peer", e.Gate.Node).Bool("ok", e.Gate.OK).Str("why", e.Gate.Why)
	}
	if e.End != nil {
		line = line.Int("code", int(e.End.Code)).Str("why", e.End.Why)
	}
	line.Send()
}
