package enginetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

type testCase struct {
	name string
	run  func(b bench)
}

// bench is a node under test, its ground, and the test that runs.
type bench struct {
	*testing.T
	c engine.Claimable
	n engine.WritableNode // c, claimed
	g Ground
}

// claim claims the node by run-1; over is what it was held by.
func (b bench) claim(over engine.Claim) engine.WritableNode {
	b.Helper()
	n, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-1", Playbook: "test", Node: b.c.Name(), Since: time.Unix(1700000000, 0).UTC(), Holder: engine.Holder{By: "ops@laptop", Folder: "/state", Store: "s"}}, over)
	b.must(err)
	return n
}

// free leaves the node held by nobody.
func (b bench) free() {
	ctx := context.Background()
	l, err := b.c.Ledger(ctx)
	if err == nil && l.Claim != nil {
		var n engine.WritableNode
		if n, err = b.c.Claim(ctx, *l.Claim, *l.Claim); err == nil {
			err = n.Release(ctx, nil)
		}
	}
	if err != nil {
		b.Errorf("the node is still held: %v", err)
	}
}

func (b bench) ledger() engine.Ledger {
	b.Helper()
	l, err := b.c.Ledger(b.Context())
	b.must(err)
	return l
}

func (b bench) at(name string) string { return b.g.Dir() + "/" + name }

func (b bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b bench) file(data string, mode engine.Mode) engine.Image {
	uid, gid := b.g.Owner()
	return engine.Image{Kind: engine.File, Mode: mode, UID: uid, GID: gid, Content: engine.Bytes([]byte(data))}
}

func (b bench) folder(mode engine.Mode) engine.Image {
	uid, gid := b.g.Owner()
	return engine.Image{Kind: engine.Dir, Mode: mode, UID: uid, GID: gid}
}

// log is a file that others write.
func (b bench) log(mode engine.Mode) engine.Image {
	img := b.file("", mode)
	img.Content, img.AnyContent = engine.Content{}, true
	return img
}

func absent() engine.Image { return engine.Image{Kind: engine.Absent} }

func (b bench) look(path string) engine.Image {
	b.Helper()
	images, err := b.n.Look(b.Context(), path)
	b.must(err)
	return images[0]
}

// put puts, and holds that the node then shows what was asked for, that a second time changes
// nothing, and that nothing else lies beside it.
func (b bench) put(name string, from, to engine.Image) {
	b.Helper()
	was := b.look(b.g.Dir()).Names
	c := engine.Change{At: b.at(name), Before: from, After: to}
	for _, which := range []string{"first", "second"} {
		if err := b.n.Put(b.Context(), c); err != nil {
			b.Fatalf("%s put of %s: %v", which, to, err)
		}
		if got := b.look(c.At); !to.Matches(got) {
			b.Fatalf("after the %s put there is %s, want %s", which, got, to)
		}
	}
	want := slices.DeleteFunc(slices.Clone(was), func(n string) bool { return n == name })
	if to.Kind != engine.Absent {
		want = append(want, name)
	}
	slices.Sort(want)
	if got := b.look(b.g.Dir()).Names; !slices.Equal(got, want) {
		b.Fatalf("in the folder there is %q, want %q", got, want)
	}
}

// refused holds that a put is refused and leaves what is there.
func (b bench) refused(name string, from, to engine.Image, like func(error) bool) {
	b.Helper()
	was := b.look(b.at(name))
	names := b.look(b.g.Dir()).Names
	err := b.n.Put(b.Context(), engine.Change{At: b.at(name), Before: from, After: to})
	if err == nil || !like(err) {
		b.Fatalf("the put ended with %v", err)
	}
	if got := b.look(b.at(name)); got.String() != was.String() {
		b.Fatalf("it was refused (%v), and there is %s instead of %s", err, got, was)
	}
	if got := b.look(b.g.Dir()).Names; !slices.Equal(got, names) {
		b.Fatalf("it was refused (%v) and left %q instead of %q", err, got, names)
	}
}

func isConflict(err error) bool { _, ok := errors.AsType[*engine.ConflictError](err); return ok }

func isNotEmpty(err error) bool { return errors.Is(err, engine.ErrNotEmpty) }

func isRefusal(err error) bool {
	code := engine.CodeOf(err)
	return code == engine.Preflight || code == engine.Security
}

func isAny(err error) bool { return err != nil }

// binary is data that no shell, terminal or line counter leaves alone.
func binary(size int) string {
	data := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return "\x00\xff\r\n'\"$(id)`id`\\\n" + string(data)
}

func cases() []testCase {
	return slices.Concat(claimCases(), switchCases(), putCases(), keepCases(), refusals(), lookCases())
}

// claimCases are about who may write, and what stays on record.
func claimCases() []testCase {
	return []testCase{
		{"a node that is held cannot be claimed", func(b bench) {
			_, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, engine.Claim{})
			held, ok := errors.AsType[*engine.ClaimedError](err)
			if !ok || held.By.Run != "run-1" || held.By.By != "ops@laptop" || held.By.Store != "s" || !held.By.Since.Equal(time.Unix(1700000000, 0)) || held.By.Token == "" {
				b.Fatalf("%v", err)
			}
			l := b.ledger()
			if l.Claim == nil || *l.Claim != held.By || len(l.Outcomes) != 0 {
				b.Errorf("on record is %+v", l)
			}
		}},
		{"who has lost the node writes nothing more", func(b bench) {
			_, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, *b.ledger().Claim)
			b.must(err)
			b.refused("f", absent(), b.file("x", 0o600), isClaimed)
			if err := b.n.Release(b.Context(), &engine.Outcome{Run: "run-1", State: engine.Landed}); !isClaimed(err) {
				b.Errorf("released: %v", err)
			}
			if l := b.ledger(); l.Claim == nil || l.Claim.Run != "run-2" || len(l.Outcomes) != 0 {
				b.Errorf("on record is %+v", l)
			}
		}},
		{"a claim is replaced only as it was seen", func(b bench) {
			seen := *b.ledger().Claim
			b.claim(seen)
			if _, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, seen); !isClaimed(err) {
				b.Errorf("claimed: %v", err)
			}
			b.refused("f", absent(), b.file("x", 0o600), isClaimed)
		}},
		{"what is given up is free, and writes nothing", func(b bench) {
			b.must(b.n.Release(b.Context(), nil))
			if l := b.ledger(); l.Claim != nil {
				b.Errorf("on record is %+v", l)
			}
			b.refused("f", absent(), b.file("x", 0o600), isClaimed)
			if err := b.n.Release(b.Context(), nil); !isClaimed(err) {
				b.Errorf("released twice: %v", err)
			}
			seen := engine.Claim{Run: "run-1", Token: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
			if _, err := b.c.Claim(b.Context(), engine.Claim{Run: "run-2"}, seen); !isClaimed(err) {
				b.Errorf("claimed over one that is gone: %v", err)
			}
			b.claim(engine.Claim{})
		}},
		{"outcomes are on record in their order", func(b bench) {
			was := len(b.ledger().Outcomes)
			for i, s := range []engine.State{engine.Landed, engine.RolledBk} {
				if i > 0 {
					b.n = b.claim(engine.Claim{})
				}
				o := engine.Outcome{Run: "run-1", Playbook: "it's", Node: "é", State: s, Clean: i == 0, Changed: true, Began: time.Unix(1, 0).UTC(), Ended: time.Unix(2, 0).UTC(), By: "ops", Inputs: map[string]string{"a": "b\n'"}, Why: "$(id)"}
				b.must(b.n.Release(b.Context(), &o))
				l := b.ledger()
				if len(l.Outcomes) != was+i+1 || l.Claim != nil || !reflect.DeepEqual(l.Outcomes[was+i], o) {
					b.Fatalf("on record is %+v", l)
				}
			}
		}},
	}
}

func isClaimed(err error) bool { _, ok := errors.AsType[*engine.ClaimedError](err); return ok }

func putCases() []testCase {
	return []testCase{
		{"create, replace, adjust and remove a file", func(b bench) {
			b.put("f", absent(), b.file("one\n", 0o600))
			b.put("f", b.file("one\n", 0o600), b.file("two", 0o640))
			b.put("f", b.file("two", 0o640), b.file("two", 0o604))
			b.put("f", b.file("two", 0o604), absent())
		}},
		{"an empty file", func(b bench) { b.put("f", absent(), b.file("", 0o644)) }},
		{"binary bytes", func(b bench) { b.put("f", absent(), b.file(binary(1000), 0o600)) }},
		{"a big file", func(b bench) {
			big := binary(3 << 20)
			b.put("f", absent(), b.file(big, 0o600))
			got, err := b.g.ReadFile(b.at("f"))
			b.must(err)
			if !bytes.Equal(got, []byte(big)) {
				b.Errorf("%d bytes arrived, and they are others", len(got))
			}
			b.put("f", b.file(big, 0o600), b.file("small", 0o600))
		}},
		{"a name that a shell would trip over", func(b bench) {
			b.put("a 'b' \"c\" $(d) -e *", absent(), b.file("x", 0o600))
		}},
		{"create, adjust and remove a folder", func(b bench) {
			b.put("d", absent(), b.folder(0o700))
			b.put("d", b.folder(0o700), b.folder(0o750))
			b.put("d", b.folder(0o750), absent())
		}},
		{"every change has an inverse", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("old"), 0o640))
			was := b.look(b.at("f"))
			b.put("f", was, b.file("new", 0o600))
			b.put("f", b.file("new", 0o600), was)
		}},
	}
}

// keepCases are about what others have filled.
func keepCases() []testCase {
	return []testCase{
		{"a folder that is filled is kept", func(b bench) {
			b.put("d", absent(), b.folder(0o700))
			b.must(b.g.WriteFile(b.at("d/theirs"), []byte("x"), 0o600))
			b.refused("d", b.folder(0o700), absent(), isNotEmpty)
		}},
		{"a log is created empty, adjusted with what is in it, and kept once it has grown", func(b bench) {
			b.put("l", absent(), b.log(0o600))
			b.must(b.g.WriteFile(b.at("l"), []byte("an event\n"), 0o600))
			b.put("l", b.log(0o600), b.log(0o640))
			if got, err := b.g.ReadFile(b.at("l")); err != nil || string(got) != "an event\n" {
				b.Fatalf("in the log there is %q: %v", got, err)
			}
			b.refused("l", b.log(0o640), absent(), isNotEmpty)
		}},
		{"a log that is still empty is removed", func(b bench) {
			b.put("l", absent(), b.log(0o600))
			b.put("l", b.log(0o600), absent())
		}},
	}
}

func refusals() []testCase {
	return []testCase{
		{"somebody else's file is not replaced", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("theirs"), 0o600))
			b.refused("f", absent(), b.file("ours", 0o600), isConflict)
			b.refused("f", b.file("old", 0o600), b.file("ours", 0o600), isConflict)
			b.refused("f", b.file("theirs", 0o644), b.file("ours", 0o600), isConflict)
			b.refused("f", b.file("old", 0o600), absent(), isConflict)
			b.refused("f", absent(), b.folder(0o700), isConflict)
		}},
		{"somebody else's folder is not replaced", func(b bench) {
			b.must(b.g.Mkdir(b.at("d"), 0o755))
			b.refused("d", absent(), b.file("ours", 0o600), isAny)
			b.refused("d", b.folder(0o700), absent(), isConflict)
			b.refused("d", b.folder(0o700), b.folder(0o750), isConflict)
		}},
		{"a file that is gone is not written", func(b bench) {
			b.refused("f", b.file("old", 0o600), b.file("ours", 0o600), isConflict)
			b.refused("d", b.folder(0o700), b.folder(0o750), isConflict)
		}},
		{"a symbolic link is neither followed nor replaced", func(b bench) {
			b.must(b.g.WriteFile(b.at("target"), []byte("theirs"), 0o600))
			b.must(b.g.Symlink(b.at("target"), b.at("l")))
			b.refused("l", absent(), b.file("ours", 0o600), isAny)
			b.refused("l", b.file("theirs", 0o600), b.file("ours", 0o600), isAny)
			b.refused("l", b.file("theirs", 0o600), absent(), isAny)
			if got, _ := b.g.ReadFile(b.at("target")); string(got) != "theirs" {
				b.Fatalf("the target is now %q", got)
			}
		}},
		{"no parent folder", func(b bench) { b.refused("none/f", absent(), b.file("x", 0o600), isRefusal) }},
		{"a parent that is a file", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("x"), 0o600))
			b.refused("f/g", absent(), b.file("x", 0o600), isAny)
		}},
		{"a parent that others can write", func(b bench) {
			b.must(b.g.Mkdir(b.at("open"), 0o777))
			b.refused("open/f", absent(), b.file("x", 0o600), isRefusal)
		}},
		{"bytes that end too early", func(b bench) {
			after := b.file("whole", 0o600)
			after.Content = engine.NewContent(after.Content.Hash(), after.Content.Size(), engine.Bytes([]byte("who")).Open)
			b.refused("f", absent(), after, isAny)
		}},
		{"bytes that cannot be opened", func(b bench) {
			after := b.file("whole", 0o600)
			after.Content = engine.NewContent(after.Content.Hash(), after.Content.Size(), nil)
			b.refused("f", absent(), after, isAny)
		}},
		{"no time", func(b bench) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			if err := b.n.Put(ctx, engine.Change{At: b.at("f"), Before: absent(), After: b.file("x", 0o600)}); err == nil {
				b.Fatal("a put without any time succeeded")
			}
		}},
	}
}

func lookCases() []testCase {
	return []testCase{
		{"many paths in one round trip, in order", func(b bench) {
			b.must(b.g.WriteFile(b.at("f"), []byte("x"), 0o604))
			b.must(b.g.Mkdir(b.at("d"), 0o751))
			b.must(b.g.WriteFile(b.at("d/.hidden"), nil, 0o600))
			b.must(b.g.Symlink("nowhere", b.at("l")))
			images, err := b.n.Look(b.Context(), b.at("none"), b.at("d"), b.at("f"), b.at("l"), b.at("f/below"), b.at("f"))
			b.must(err)
			want := []engine.Image{absent(), b.folder(0o751), b.file("x", 0o604), {Kind: engine.Link, Target: "nowhere"}, absent(), b.file("x", 0o604)}
			for i := range want {
				if images[i].String() != want[i].String() {
					b.Errorf("number %d is %s, want %s", i, images[i], want[i])
				}
			}
			if got := images[1].Names; !slices.Equal(got, []string{".hidden"}) {
				b.Errorf("in the folder there is %q", got)
			}
		}},
		{"what was looked at can be read", func(b bench) {
			data := binary(100_000)
			b.must(b.g.WriteFile(b.at("f"), []byte(data), 0o600))
			r, err := b.look(b.at("f")).Content.Open(b.Context())
			b.must(err)
			defer r.Close()
			got, err := io.ReadAll(r)
			b.must(err)
			if string(got) != data {
				b.Errorf("%d bytes were read, and they are others", len(got))
			}
		}},
		{"a command that is not in the table is refused", func(b bench) {
			if _, err := b.n.Observe(b.Context(), "rm", "-rf", b.at("f")); err == nil {
				b.Fatal("rm was run")
			}
		}},
	}
}
