package enginetest

import (
	"context"
	"crypto/rand"
	"io/fs"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// armed claims the node for a run of its own and arms its switch.
func (b *bench) armed(within time.Duration, all ...engine.Change) (run string) {
	b.Helper()
	b.must(b.n.Release(b.Context(), nil))
	run = "run-" + rand.Text()
	n, err := b.c.Claim(b.Context(), engine.Claim{Run: run, Holder: engine.Holder{Store: "s"}}, engine.Claim{})
	b.must(err)
	b.n = n
	b.arm(within, all...)
	return run
}

func (b *bench) arm(within time.Duration, all ...engine.Change) {
	b.Helper()
	_, err := b.n.Arm(b.Context(), within, engine.Restores([]engine.PlannedStep{{Changes: all}}))
	b.must(err)
}

func (b *bench) change(name string, before, after engine.Image) engine.Change {
	return engine.Change{At: b.at(name), Before: before, After: after}
}

func (b *bench) puts(all ...engine.Change) {
	b.Helper()
	for _, c := range all {
		b.must(b.n.Put(b.Context(), c))
	}
}

// fired waits until the switch of a run has fired and is done, and returns what became of it.
func (b *bench) fired(run string) engine.Switch {
	b.Helper()
	if f, ok := b.c.(interface{ Fire(string) bool }); ok {
		f.Fire(run)
	}
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		s, err := b.c.Switch(b.Context(), run)
		b.must(err)
		if s.Over || time.Since(begin) > 20*time.Second {
			return s
		}
	}
}

// passed lets the time of a switch pass that must not fire, and returns what became of it.
func (b *bench) passed(run string, within time.Duration) engine.Switch {
	b.Helper()
	if f, ok := b.c.(interface{ Fire(string) bool }); ok {
		f.Fire(run)
	} else {
		time.Sleep(within + 1500*time.Millisecond)
	}
	s, err := b.c.Switch(b.Context(), run)
	b.must(err)
	return s
}

func (b *bench) is(name string, want engine.Image) {
	b.Helper()
	images, err := b.c.Look(context.Background(), b.at(name))
	b.must(err)
	if !want.Matches(images[0]) {
		b.Errorf("%s is %s, want %s", name, images[0], want)
	}
}

// switchCases are about what a node does when it hears from nobody.
func switchCases() []testCase {
	const soon = 3 * time.Second // longer than the writes take before it
	return []testCase{
		{"a switch puts everything back", func(b bench) {
			for name, mode := range map[string]fs.FileMode{"replaced": 0o640, "removed": 0o600, "adjusted": 0o644, "untouched": 0o600, "it's 'quoted'": 0o600} {
				b.must(b.g.WriteFile(b.at(name), []byte("old "+name), mode))
			}
			b.must(b.g.WriteFile(b.at("empty"), nil, 0o600))
			all := []engine.Change{
				b.change("replaced", b.file("old replaced", 0o640), b.file("new", 0o640)),
				b.change("removed", b.file("old removed", 0o600), absent()),
				b.change("adjusted", b.file("old adjusted", 0o644), b.file("old adjusted", 0o600)),
				b.change("empty", b.file("", 0o600), b.file("filled", 0o600)),
				b.change("created", absent(), b.file("x", 0o600)),
				b.change("dir", absent(), b.folder(0o700)),
				b.change("dir/in it", absent(), b.file("y", 0o600)),
				b.change("it's 'quoted'", b.file("old it's 'quoted'", 0o600), b.file("new", 0o600)),
				b.change("untouched", b.file("old untouched", 0o600), b.file("never written", 0o600)),
			}
			run := b.armed(soon, all...)
			b.puts(all[:len(all)-1]...)
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.Armed {
				b.Fatalf("%+v, %v: the writes took longer than it waits", s, err)
			}
			if s := b.fired(run); s.State != engine.HasFired || !s.Over || len(s.Left) != 0 {
				b.Fatalf("%+v", s)
			}
			for _, c := range all {
				b.is(strings.TrimPrefix(c.At, b.g.Dir()+"/"), c.Before)
			}
			if err := b.n.Put(b.Context(), all[0]); !isClaimed(err) {
				b.Errorf("its runner wrote: %v", err)
			}
			if err := b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.Landed}); !isClaimed(err) {
				b.Errorf("its runner landed: %v", err)
			}
			if l := b.ledger(); l.Claim == nil || l.Claim.Run != run || l.Claim.Store != "s" {
				b.Errorf("it is held by %+v", l.Claim)
			}
		}},
		{"what was there before a run can be read from the node", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			all := []engine.Change{
				b.change("made", absent(), b.file("x", 0o600)),
				b.change("f", b.file("old", 0o600), b.file("new", 0o600)),
			}
			run := b.armed(time.Hour, all...)
			b.puts(all...)
			copies := func(what string, run string, want ...engine.Content) {
				b.Helper()
				for i, w := range want {
					if got, err := b.c.Copy(b.Context(), run, i); err != nil || !got.Same(w) {
						b.Errorf("%s, number %d: %s, %v; want %s", what, i, got, err, w)
					}
				}
			}
			was := all[1].Before.Content
			copies("armed", run, was, engine.Content{}, engine.Content{})
			copies("of another run", "run-2", engine.Content{})
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.Landed}))
			copies("landed", run, was)
			got, err := b.c.Copy(b.Context(), run, 0)
			b.must(err)
			if text, err := got.Read(b.Context(), 10); err != nil || string(text) != "old" {
				b.Errorf("it says %q: %v", text, err)
			}
			b.n, err = b.c.Claim(b.Context(), engine.Claim{Run: run, Holder: engine.Holder{Store: "s"}}, engine.Claim{})
			b.must(err)
			b.puts(all[1].Inverse(), all[0].Inverse())
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.RolledBk}))
			copies("undone", run, engine.Content{})
		}},
		{"a switch leaves what is not the run's", func(b bench) {
			b.must(b.g.WriteFile(b.at("a"), []byte("old"), 0o600))
			b.must(b.g.WriteFile(b.at("b"), []byte("old"), 0o600))
			log := b.file("", 0o600)
			log.Content, log.AnyContent = engine.Content{}, true
			all := []engine.Change{
				b.change("a", b.file("old", 0o600), b.file("new", 0o600)),
				b.change("b", b.file("old", 0o600), b.file("new", 0o600)),
				b.change("log", absent(), log),
			}
			run := b.armed(soon, all...)
			b.puts(all...)
			b.must(b.g.WriteFile(b.at("a"), []byte("somebody's"), 0o600))
			b.must(b.g.WriteFile(b.at("log"), []byte("a line\n"), 0o600))
			s := b.fired(run)
			if s.State != engine.HasFired || len(s.Left) != 2 || !strings.HasPrefix(s.Left[0], b.at("log")+": others have filled it") || !strings.HasPrefix(s.Left[1], b.at("a")+": somebody has changed it") {
				b.Fatalf("%+v", s)
			}
			b.is("a", b.file("somebody's", 0o600))
			b.is("b", b.file("old", 0o600))
		}},
		{"a switch puts back from every state that the run may leave", func(b bench) {
			var all, done []engine.Change
			for stop, name := range []string{"a", "b", "c", "d"} { // of each, so many changes are made
				b.must(b.g.WriteFile(b.at(name), []byte("1"), 0o600))
				three := []engine.Change{
					b.change(name, b.file("1", 0o600), b.file("2", 0o600)),
					b.change(name, b.file("2", 0o600), absent()),
					b.change(name, absent(), b.file("3", 0o640)),
				}
				all, done = append(all, three...), append(done, three[:stop]...)
			}
			run := b.armed(soon, all...)
			b.puts(done...)
			if s := b.fired(run); s.State != engine.HasFired || len(s.Left) != 0 {
				b.Fatalf("%+v", s)
			}
			for _, name := range []string{"a", "b", "c", "d"} {
				b.is(name, b.file("1", 0o600))
			}
		}},
		{"what is confirmed does not fire", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(soon, c)
			b.puts(c)
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.Landed}))
			if s := b.passed(run, soon); s.State != engine.Confirmed {
				b.Errorf("%+v", s)
			}
			b.is("f", c.After)
			// It goes down again, with the copies that it has.
			n, err := b.c.Claim(b.Context(), engine.Claim{Run: run, Holder: engine.Holder{Store: "s"}}, engine.Claim{})
			b.must(err)
			b.n = n
			b.arm(time.Second, c)
			if s := b.fired(run); s.State != engine.HasFired {
				b.Errorf("%+v", s)
			}
			b.is("f", c.Before)
		}},
		{"a switch can be put off, and is gone with its run", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(soon, c)
			b.puts(c)
			b.arm(time.Hour, c)
			if _, fires := b.c.(interface{ Fire(string) bool }); !fires {
				time.Sleep(soon + 1500*time.Millisecond)
			}
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.Armed {
				b.Errorf("%+v, %v", s, err)
			}
			b.puts(b.change("f", c.After, c.Before))
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.RolledBk}))
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.NoSwitch {
				b.Errorf("%+v, %v", s, err)
			}
		}},
		{"an acknowledgement leaves the copies of every run", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(time.Hour, c)
			b.puts(c)
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.Landed}))
			for _, other := range []string{run, "run-2"} {
				for _, s := range []engine.State{engine.Landed, engine.RolledBk} {
					n, err := b.c.Claim(b.Context(), engine.Claim{Run: other, Ack: true}, engine.Claim{})
					b.must(err)
					b.must(n.Release(b.Context(), &engine.Outcome{Run: other, State: s, Ack: &engine.Ack{Reason: "$(id)", User: "it's", At: time.Unix(3, 0).UTC()}}))
				}
			}
			l := b.ledger()
			if o := l.Outcomes[len(l.Outcomes)-1]; o.Ack == nil || *o.Ack != (engine.Ack{Reason: "$(id)", User: "it's", At: time.Unix(3, 0).UTC()}) {
				b.Errorf("on record is %+v", o)
			}
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.Confirmed {
				b.Errorf("%+v, %v", s, err)
			}
		}},
		{"a claim that comes to nothing leaves what a landed run can be undone with", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(time.Hour, c)
			b.puts(c)
			b.must(b.n.Release(b.Context(), &engine.Outcome{Run: run, State: engine.Landed}))
			n, err := b.c.Claim(b.Context(), engine.Claim{Run: run, Holder: engine.Holder{Store: "s"}}, engine.Claim{})
			b.must(err)
			b.must(n.Release(b.Context(), nil))
			if kept, err := b.c.Copy(b.Context(), run, 0); err != nil || !kept.Same(c.Before.Content) {
				b.Errorf("%v, %v", kept, err)
			}
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.Confirmed {
				b.Errorf("%+v, %v", s, err)
			}
		}},
		{"a note leaves every switch alone", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(time.Hour, c)
			n, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2", Ack: true}, *b.ledger().Claim)
			b.must(err)
			b.must(n.Release(b.Context(), &engine.Outcome{Run: "run-2", State: engine.Landed, Ack: &engine.Ack{Reason: "seen"}}))
			if s, err := b.c.Switch(b.Context(), run); err != nil || s.State != engine.Armed {
				b.Errorf("%+v, %v", s, err)
			}
		}},
		{"whoever claims the node answers for what is on it", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			run := b.armed(soon, c)
			b.puts(c)
			_, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, *b.ledger().Claim)
			b.must(err)
			if s := b.passed(run, soon); s.State != engine.Confirmed {
				b.Errorf("%+v", s)
			}
			b.is("f", c.After)
		}},
		{"no switch is armed by who does not hold the node, or for what is not there", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("other"), 0o600))
			c := b.change("f", b.file("old", 0o600), b.file("new", 0o600))
			all := engine.Restores([]engine.PlannedStep{{Changes: []engine.Change{c}}})
			if _, err := b.n.Arm(b.Context(), time.Hour, all); engine.CodeOf(err) != engine.Stale || !strings.Contains(err.Error(), "f is not what the plan saw") {
				b.Errorf("armed: %v", err)
			}
			if s, err := b.c.Switch(b.Context(), "run-1"); err != nil || s.State != engine.NoSwitch {
				b.Errorf("%+v, %v", s, err)
			}
			_, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, *b.ledger().Claim)
			b.must(err)
			if _, err := b.n.Arm(b.Context(), time.Hour, nil); !isClaimed(err) {
				b.Errorf("armed: %v", err)
			}
		}},
	}
}
