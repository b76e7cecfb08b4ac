package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Text shows a run's events as lines: time, node, what, and what was seen.
type Text struct {
	W     io.Writer
	Style Style
	Zone  *time.Location // nil is UTC

	opened engine.Opened
	steps  []engine.PlannedStep
	wrote  bool // a write may have happened
}

// Recall takes in the events of a run that was recorded before, without showing them.
func (t *Text) Recall(events []engine.Event) {
	for _, e := range events {
		t.remember(e)
	}
}

func (t *Text) remember(e engine.Event) {
	switch {
	case e.Opened != nil:
		t.opened = *e.Opened
	case e.Kind == engine.EvPlanned:
		t.steps = e.Planned
	case e.Kind == engine.EvIntent:
		t.wrote = true
	}
}

// Show prints one event. Events that only prepare others are not shown.
func (t *Text) Show(e engine.Event) {
	t.remember(e)
	subject, what := t.line(e)
	if what == "" {
		return
	}
	p := &printer{w: t.W}
	p.print(fmt.Sprintf("%s  %s  %-28s  %s\n", t.Style.Dim(e.At.In(t.zone()).Format("15:04:05")), t.opened.Node, subject, what))
}

func (t *Text) zone() *time.Location {
	if t.Zone == nil {
		return time.UTC
	}
	return t.Zone
}

// armed tells until when the node waits.
func (t *Text) armed(e engine.Event) string {
	if e.Armed == nil {
		return ""
	}
	s := "unless it is confirmed, the node undoes it by itself at " + e.Armed.Until.In(t.zone()).Format("15:04:05")
	if e.Armed.Weak {
		s += ", but not after a reboot"
	}
	return s
}

// line is who and what; an empty what is not shown.
func (t *Text) line(e engine.Event) (subject, what string) {
	if e.Op != nil {
		return t.op(e)
	}
	switch e.Kind {
	case engine.EvOpened:
		return "run", e.Run
	case engine.EvOverride:
		if e.Override != nil {
			return "guard " + e.Override.Guard, t.Style.Warn("overridden: " + Line(e.Override.Reason))
		}
	case engine.EvResumed:
		return "run", "taken up again"
	case engine.EvGate:
		if e.Gate != nil {
			return t.gate(*e.Gate)
		}
	case engine.EvAck:
		if e.Ack != nil {
			return "run", "acknowledged by " + Line(e.Ack.User) + ": " + Line(e.Ack.Reason)
		}
	}
	return t.end(e)
}

func (t *Text) gate(g engine.GateEvent) (string, string) {
	if g.OK {
		return "gate " + g.Gate, t.Style.Good(g.Node+" ok") + t.Style.Dim(", "+g.When+" the change")
	}
	return "gate " + g.Gate, t.Style.Bad(g.Node + ": " + Line(g.Why))
}

func (t *Text) op(e engine.Event) (subject, what string) {
	subject = "step"
	if e.Op.Step >= 0 && e.Op.Step < len(t.steps) {
		subject = t.steps[e.Op.Step].ID()
	}
	at := Line(e.Op.Path)
	switch e.Kind {
	case engine.EvMarked:
		if e.Op.Skip && !e.Op.Down {
			return subject, t.Style.Dim("not needed here")
		}
	case engine.EvSettled:
		return subject, t.settled(e, at)
	case engine.EvDecided:
		words := "is run again, as " + t.by(e) + " says: "
		if e.Op.How == engine.Marked {
			words = "has run, as " + t.by(e) + " says: "
		}
		return subject, t.Style.Warn(words + Line(e.Op.Text))
	case engine.EvChecking:
		return subject, t.Style.Dim("checking")
	case engine.EvSaid:
		if at != "" { // of a write: nothing that is waited for
			return subject, t.Style.Warn(Line(e.Op.Text))
		}
		return subject, t.Style.Dim(Line(e.Op.Text))
	case engine.EvChecked:
		return subject, t.Style.Good("proven")
	case engine.EvFailed:
		return subject, t.Style.Bad(Line(e.Op.Text))
	case engine.EvEvidence:
		if e.Op.Blob != nil {
			return subject, fmt.Sprintf("kept %s (%d bytes)", Line(e.Op.Text), e.Op.Blob.Size())
		}
	}
	return subject, ""
}

func (t *Text) settled(e engine.Event, at string) string {
	if e.Op.Text != "" {
		return t.ran(e, Line(e.Op.Text))
	}
	switch {
	case e.Op.How == engine.Left:
		return t.Style.Warn("left " + at + ": others have filled it")
	case e.Op.How == engine.Already && e.Op.Down:
		return t.Style.Dim("was undone already: " + at)
	case e.Op.How == engine.Already:
		return t.Style.Dim("was there already: " + at)
	case e.Op.Down:
		return "undid " + at
	}
	return "wrote " + at
}

func (t *Text) by(e engine.Event) string {
	if e.End == nil {
		return "somebody"
	}
	return Line(e.End.User)
}

// ran is what became of a command.
func (t *Text) ran(e engine.Event, command string) string {
	switch e.Op.How {
	case engine.Left:
		return t.Style.Warn("left, because it cannot be undone: " + command)
	case engine.Later:
		return t.Style.Dim("when this is undone: " + command)
	case engine.Already:
		if e.Op.Down {
			return t.Style.Dim("needs no undo any more: " + command)
		}
		return t.Style.Dim("is so already, without " + command)
	}
	return "ran " + command
}

func (t *Text) end(e engine.Event) (subject, what string) {
	why := ""
	if e.End != nil && e.End.Why != "" {
		why = ": " + Line(e.End.Why)
	}
	switch e.Kind {
	case engine.EvArmed:
		return "switch", t.Style.Dim(t.armed(e))
	case engine.EvTurned:
		return "run", t.Style.Warn("rolling back" + why)
	case engine.EvPaused:
		return "run", t.Style.Warn("stopped" + why)
	case engine.EvLanded:
		return "run", t.Style.Good("landed") + why
	case engine.EvRolledBack:
		if !t.wrote {
			return "run", t.Style.Warn("ended, nothing was written") + why
		}
		return "run", t.Style.Warn("rolled back") + why
	case engine.EvAbandoned:
		return "run", t.Style.Warn("given up" + why)
	case engine.EvIncomplete:
		return "run", t.Style.Bad("rollback incomplete" + why)
	}
	return "", ""
}
