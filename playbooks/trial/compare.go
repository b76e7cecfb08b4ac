package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// comparing holds what happened against what is expected.
type comparing struct {
	*carrying
	diags hcl.Diagnostics
}

func (c *comparing) fail(what, detail string, at ...string) {
	c.diags = append(c.diags, lang.Diag(c.at(at...), what, detail))
}

func (c *carrying) compare(ctx context.Context) hcl.Diagnostics {
	m := &comparing{carrying: c}
	m.ending()
	if c.planned {
		m.steps(ctx)
		for _, want := range c.expect.Changes {
			m.change(ctx, want)
		}
	}
	m.answers()
	for _, b := range c.broken {
		what, detail, _ := strings.Cut(b, "\n")
		m.fail(what, detail)
	}
	return m.diags
}

// ending compares how it ended.
func (c *comparing) ending() {
	e := c.expect
	refused := e.Refuse != "" || e.Code != nil || e.RolledBack != nil
	switch {
	case e.Held != "":
		c.holding()
	case c.held != nil:
		c.fail("the guards hold the node: "+c.held.Error(), fmt.Sprintf("expect held = %q, or another now and past", c.held.Holds[0].Guard))
	case c.err != nil && !refused:
		what, detail, _ := strings.Cut(words(c.err), "\n")
		c.fail(fmt.Sprintf("it ends with %d: %s", codeOf(c.err), what), detail)
	case refused:
		c.refusal()
	case e.Eventful && c.eventful == "":
		c.fail("it lands, and nothing was out of the ordinary", "", "expect", "eventful")
	case !e.Eventful && c.eventful != "":
		c.fail("it lands although "+c.eventful, "expect eventful = true, or something else of the check")
	}
}

func (c *comparing) holding() {
	e := c.expect
	if c.held == nil {
		why := "no guard holds the node"
		switch {
		case c.err != nil:
			why = "no guard was asked; it ends with " + words(c.err)
		case c.planned && !engine.HasChanges(c.carrying.steps):
			why = "nothing is to be changed, so no guard was asked"
		}
		c.fail(why, "", "expect", "held")
		return
	}
	if !slices.ContainsFunc(c.held.Holds, func(h engine.Hold) bool { return string(h.Guard) == e.Held }) {
		c.fail("other guards hold the node: "+c.held.Error(), "", "expect", "held")
	}
	if want, got := e.Until.t(), c.held.Until; !want.IsZero() && !want.Equal(got) {
		is := "it does not open by waiting"
		if !got.IsZero() {
			is = "it opens at " + got.In(want.Location()).Format("2006-01-02T15:04:05Z07:00")
		}
		c.fail(is, "", "expect", "until")
	}
}

func (c *comparing) refusal() {
	e := c.expect
	if c.err == nil {
		for _, name := range []string{"refuse", "code", "rolled_back"} {
			if _, ok := c.expected(name); ok {
				c.fail("nothing refuses it: it lands", "", "expect", name)
				return
			}
		}
		return
	}
	if got := words(c.err); !strings.Contains(squeeze(got), squeeze(e.Refuse)) {
		c.fail("it is refused with other words", between(e.Refuse+"\n", strings.TrimRight(got, "\n")+"\n"), "expect", "refuse")
	}
	if got := codeOf(c.err); e.Code != nil && int(got) != *e.Code {
		c.fail(fmt.Sprintf("it ends with %d: %s", got, words(c.err)), "", "expect", "code")
	}
	if e.RolledBack != nil && !slices.Equal(e.RolledBack, c.undone) {
		c.fail("other steps are undone, or in another order", lists(e.RolledBack, c.undone), "expect", "rolled_back")
	}
	if e.RolledBack != nil && codeOf(c.err) != engine.RolledBack && e.Code == nil {
		c.fail(fmt.Sprintf("it ends with %d, not rolled back: %s", codeOf(c.err), words(c.err)), "", "expect", "rolled_back")
	}
}

// expected reports whether an attribute of expect is written.
func (c *comparing) expected(name string) (hcl.Range, bool) {
	for _, b := range c.block.Body.Blocks {
		if a := b.Body.Attributes[name]; b.Type == "expect" && a != nil {
			return a.Expr.Range(), true
		}
	}
	return hcl.Range{}, false
}

// squeeze makes text comparable across line breaks and indentation.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// steps compares which steps change something, and the whole diff.
func (c *comparing) steps(ctx context.Context) {
	e := c.expect
	var got []string
	for _, s := range c.carrying.steps {
		if len(s.Changes) > 0 {
			got = append(got, s.ID())
		}
	}
	if e.Order != nil && !slices.Equal(e.Order, got) {
		c.fail("other steps change something, or in another order", lists(e.Order, got), "expect", "order")
	}
	if e.Unchanged != nil && got != nil {
		c.fail("something is to be changed", diffOf(ctx, c.carrying.steps), "expect", "unchanged")
	}
	if e.diff == nil {
		return
	}
	if diff := diffOf(ctx, c.carrying.steps); diff != *e.diff {
		c.fail("the diff is another", between(*e.diff, diff), "expect", "diff")
	}
}

// change compares what becomes of one path.
func (c *comparing) change(ctx context.Context, want change) {
	at := []string{"expect", "change", want.Path}
	var all []string
	var got engine.Change
	for _, one := range engine.Changes(c.carrying.steps) {
		all = append(all, one.At)
		switch {
		case one.At != want.Path:
		case got.At == "":
			got = one
		default:
			got.After, got.Secret = one.After, got.Secret || one.Secret
		}
	}
	if got.At == "" {
		c.fail(want.Path+" is not changed", "changed are: "+lang.List(all), at...)
		return
	}
	expect := func(name string, ok bool, is string) {
		if !ok {
			c.fail(fmt.Sprintf("%s: %s is %s", want.Path, name, is), "", append(at, name)...)
		}
	}
	expect("action", want.Action == "" || want.Action == string(got.Action()), string(got.Action()))
	expect("kind", want.Kind == "" || want.Kind == string(got.After.Kind), string(got.After.Kind))
	expect("mode", want.Mode == nil || *want.Mode == got.After.Mode, got.After.Mode.String())
	expect("owner", !want.Owner.given || want.Owner.uid == got.After.UID && want.Owner.gid == got.After.GID, fmt.Sprintf("%d:%d", got.After.UID, got.After.GID))
	c.content(ctx, want, got, at)
}

// content compares what a file has in it afterwards.
func (c *comparing) content(ctx context.Context, want change, got engine.Change, at []string) {
	if want.Equals == nil && want.Contains == nil && want.Lacks == nil {
		return
	}
	text, err := textOf(ctx, got.After)
	if err != nil {
		c.fail(fmt.Sprintf("%s cannot be compared: %v", want.Path, err), "", at...)
		return
	}
	shown := func(detail string) string {
		if hidden(got) {
			return "its content is secret: not shown"
		}
		return detail
	}
	if want.Equals != nil && *want.Equals != text {
		c.fail(want.Path+" has another content", shown(between(*want.Equals, text)), append(at, "equals")...)
	}
	for _, part := range want.Contains {
		if !strings.Contains(text, part) {
			c.fail(fmt.Sprintf("%s does not contain %q", want.Path, part), shown(contentDiff(ctx, got)), append(at, "contains")...)
		}
	}
	for _, part := range want.Lacks {
		if strings.Contains(text, part) {
			c.fail(fmt.Sprintf("%s contains %q", want.Path, part), shown(contentDiff(ctx, got)), append(at, "lacks")...)
		}
	}
}

// answers reports what a check or gate was to say and was never asked for: the test would hold less than
// it seems to.
func (c *comparing) answers() {
	played := map[string]bool{}
	if c.script != nil {
		played = c.script.played
	}
	never := func(given bool, answer string, at ...string) {
		if given && !played[answer] {
			c.fail(answer+": it was never asked", "", at...)
		}
	}
	for _, a := range c.given.Checks {
		never(a.Fails != "", fails(a.Step), "check", a.Step)
		never(a.FailsOnRollback != "", failsOnRollback(a.Step), "check", a.Step)
		never(a.Unavailable != "", unavailable(a.Step), "check", a.Step)
	}
	for _, a := range c.given.Gates {
		never(a.Refuses != "", refuses(a.Gate), "gate", a.Gate)
		never(a.RefusesAfter != "", refusesAfter(a.Gate), "gate", a.Gate)
	}
}
