package trial

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// judging looks whether a test that could be read makes sense.
type judging struct {
	*loading
	t *Test
}

// wrong reports at a place in the test; see Test.at.
func (j *judging) wrong(what, instead string, at ...string) { j.report(j.t.at(at...), what, instead) }

func (j *judging) judge() {
	j.setting()
	j.answers()
	j.record()
	j.ending()
	j.expectations()
}

// setting is the playbook and the node.
func (j *judging) setting() {
	g := j.t.given
	if g.Playbook == "" {
		j.wrong(lang.Header(j.t.block)+" has no playbook", `write playbook = "FILE" in it, or in defaults { ... }`)
	} else if _, err := lang.ReadFile(j.t.playbookPath()); err != nil {
		j.wrong("playbook: "+err.Error(), "the file is named relative to the test file", "playbook")
	}
	if g.Node == nil {
		j.wrong(lang.Header(j.t.block)+" has no node", `write node "NAME" { files = { ... } } in it, or in defaults { ... }`)
		return
	}
	if !engine.ValidName(g.Node.Name) {
		j.wrong(fmt.Sprintf("%q cannot name a node", g.Node.Name), "", "node", g.Node.Name)
	}
	if _, err := g.Node.build(); err != nil {
		j.wrong(fmt.Sprintf("the node %q cannot be made: %v", g.Node.Name, err), "", "node", g.Node.Name)
	}
}

// answers are those of checks and gates.
func (j *judging) answers() {
	seen := map[string]bool{}
	for _, c := range j.t.given.Checks {
		switch plays := c.Fails != "" || c.FailsOnRollback != "" || c.Unavailable != ""; {
		case seen[c.Step]:
			j.wrong(fmt.Sprintf("check %q is there twice", c.Step), "write all its answers in one block", "check", c.Step)
		case !plays && !c.Real:
			j.wrong(fmt.Sprintf("check %q says nothing", c.Step), "write fails, fails_on_rollback or unavailable = TEXT, or real = true; a check that is not named is proven", "check", c.Step)
		case plays && c.Real:
			j.wrong(fmt.Sprintf("check %q is asked for real, so its answer cannot be given", c.Step), "keep one of the two", "check", c.Step)
		case c.Unavailable != "" && (c.Fails != "" || c.FailsOnRollback != ""):
			j.wrong(fmt.Sprintf("check %q cannot answer, so it is never asked after the change", c.Step), "write two tests", "check", c.Step)
		}
		seen[c.Step] = true
	}
	for _, g := range j.t.given.Gates {
		switch {
		case seen["gate "+g.Gate]:
			j.wrong(fmt.Sprintf("gate %q is there twice", g.Gate), "", "gate", g.Gate)
		case (g.Refuses == "") == (g.RefusesAfter == ""):
			j.wrong(fmt.Sprintf("gate %q: write either refuses or refuses_after", g.Gate), "a gate that is not named is open", "gate", g.Gate)
		}
		seen["gate "+g.Gate] = true
	}
}

// record is what guards are decided on.
func (j *judging) record() {
	g, now := j.t.given, j.t.given.Now.t()
	if len(g.Past) > 0 && now.IsZero() {
		j.wrong("past runs are for the guards, and without now no guard is asked", `write now = "2026-11-30T20:00:00-05:00"`, "past")
	}
	for i, p := range g.Past {
		at, times := p.when()
		switch {
		case times != 1:
			j.report(j.pastAt(i), "a past run has exactly one of landed, rolled_back and unverified", `write landed = "2026-11-29T20:00:00-05:00"`)
		case !now.IsZero() && at.After(now):
			j.report(j.pastAt(i), fmt.Sprintf("the past run on %s is later than now", p.Node), "")
		case !engine.ValidName(p.Node):
			j.report(j.pastAt(i), fmt.Sprintf("%q cannot name a node", p.Node), "")
		}
	}
}

// pastAt is the place of a past run, the test's where it stands in the defaults.
func (j *judging) pastAt(n int) hcl.Range {
	for _, b := range j.t.block.Body.Blocks {
		if b.Type != "past" {
			continue
		}
		if n == 0 {
			return b.DefRange()
		}
		n--
	}
	return j.t.at()
}

// guards are the names that held can have.
func guards() []string {
	return []string{string(engine.GuardOrder), string(engine.GuardSoak), string(engine.GuardPerDay), string(engine.GuardWindow),
		string(engine.GuardFreeze), string(engine.GuardClean), string(engine.GuardOpen), string(engine.GuardInputs), string(engine.GuardClock)}
}

// ending is how the test expects apply to end.
func (j *judging) ending() {
	e := j.t.expect
	refused := e.Refuse != "" || e.Code != nil
	switch {
	case e.Held != "" && j.t.given.Now.t().IsZero():
		j.wrong("without now no guard is asked", `write now = "2026-11-30T20:00:00-05:00" in the test`, "expect", "held")
	case e.Held != "" && !slices.Contains(guards(), e.Held):
		j.wrong(fmt.Sprintf("there is no guard %q", e.Held), lang.DidYouMean(e.Held, guards()), "expect", "held")
	case e.Held != "" && (refused || e.RolledBack != nil || e.Eventful):
		j.wrong("a node that is held is not begun with", "expect either held or how it ends", "expect", "held")
	case e.Held == "" && !e.Until.t().IsZero():
		j.wrong("until says when held opens", `write held = "GUARD" beside it`, "expect", "until")
	case e.Code != nil && *e.Code == int(engine.Done):
		j.wrong("0 is how apply ends when nothing is in the way", "leave code out", "expect", "code")
	case e.Code != nil && !slices.Contains(codes(), engine.Code(*e.Code)):
		j.wrong(fmt.Sprintf("apply never ends with %d", *e.Code), "the README lists the exit status", "expect", "code")
	case e.Eventful && (refused || e.RolledBack != nil):
		j.wrong("what lands eventfully is not refused or rolled back", "expect one of them", "expect", "eventful")
	}
}

// codes are what a test can end with.
func codes() []engine.Code {
	return []engine.Code{engine.Invalid, engine.Held, engine.Conflict, engine.RolledBack, engine.Incomplete, engine.Unknown,
		engine.Unreachable, engine.Preflight, engine.Security, engine.CannotVerify}
}

func (j *judging) expectations() {
	e := j.t.expect
	changed := e.Order != nil || len(e.Changes) > 0 || e.Diff != nil
	ends := e.Refuse != "" || e.Code != nil || e.Held != "" || e.RolledBack != nil || e.Eventful
	switch {
	case e.Unchanged != nil && !*e.Unchanged:
		j.wrong("unchanged = false says too little", "write order = [...] for the steps that change something", "expect", "unchanged")
	case e.Unchanged != nil && changed:
		j.wrong("what is unchanged has no order, change or diff", "expect one of them", "expect", "unchanged")
	case e.Unchanged == nil && !changed && !ends:
		j.wrong("expect says nothing", "write order, change, diff, unchanged, refuse, code, held, rolled_back or eventful in it", "expect")
	}
	seen := map[string]bool{}
	for _, c := range e.Changes {
		at := []string{"expect", "change", c.Path}
		switch {
		case seen[c.Path]:
			j.wrong(fmt.Sprintf("change %q is there twice", c.Path), "a path is judged once, after all steps", at...)
		case c.Action != "" && !slices.Contains(actions(), c.Action):
			j.wrong(fmt.Sprintf("there is no action %q", c.Action), lang.DidYouMean(c.Action, actions()), append(at, "action")...)
		case c.Kind != "" && c.Kind != string(engine.File) && c.Kind != string(engine.Dir):
			j.wrong(fmt.Sprintf("there is no kind %q", c.Kind), `write "file" or "dir"`, append(at, "kind")...)
		case c.Action == string(engine.Remove) && (c.Kind != "" || c.Mode != nil || c.Owner.given || c.Equals != nil || c.Contains != nil || c.Lacks != nil):
			j.wrong("what is removed has no content, mode or owner", "", append(at, "action")...)
		case slices.ContainsFunc(slices.Concat(c.Contains, c.Lacks), func(s string) bool { return strings.TrimSpace(s) == "" }):
			j.wrong("contains and lacks hold parts of the content, and this one is empty", "", at...)
		}
		seen[c.Path] = true
	}
}

func actions() []string {
	return []string{string(engine.Create), string(engine.Replace), string(engine.Adjust), string(engine.Remove)}
}
