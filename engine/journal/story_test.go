package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// How far something is.
const (
	never = iota
	asked
	acknowledged
)

// account is what was asked of a run and what was acknowledged.
type account struct {
	begun, removed int
	records        []string
	pending        string // was asked for: it may be there, whole
	kept           []payload
	keeping        []payload
	tail           string // of a record, which the disk has and nobody may throw away
}

type payload struct {
	engine.Content
	text string
}

func content(text string) payload { return payload{engine.Bytes([]byte(text)), text} }

// story is what was done in a state folder.
type story struct {
	version int
	runs    map[string]*account
	mark    string
}

func compact(e engine.Event) string { return string(must2(json.Marshal(e))) }

// teller tells the story, process by process.
type teller struct {
	d     *powerDisk
	store *Store
	j     *Journal
	a     *account
	id    string
	n     int
}

const powerState = "home/state"

// process begins a process.
func (p *teller) process() {
	p.store, p.j = must2(openStore(filepath.Join(p.d.root, powerState), p.d)), nil
}

// does changes the account.
func (p *teller) does(change func()) {
	change()
	p.d.story.version++
}

func (p *teller) create(id string) {
	p.id, p.a = id, &account{}
	p.does(func() { p.d.story.runs[id] = p.a; p.a.begun = asked })
	p.j = must2(p.store.Create(id))
	p.does(func() { p.a.begun = acknowledged })
}

func (p *teller) keep(c payload) {
	p.does(func() { p.a.keeping = append(p.a.keeping, c) })
	if err := p.j.Keep(context.Background(), c.Content); err != nil {
		panic(err)
	}
	p.does(func() { p.a.keeping, p.a.kept = nil, append(p.a.kept, c) })
}

func (p *teller) append(e engine.Event) {
	if err := p.try(e); err != nil {
		panic(err)
	}
}

func (p *teller) try(e engine.Event) error {
	p.n++
	e.Run, e.At = p.id, time.Date(2026, 11, 26, 1, 3, p.n, 345678901, time.UTC)
	p.does(func() { p.a.pending = compact(e) })
	err := p.j.Append(e)
	if err == nil {
		p.does(func() { p.a.pending, p.a.records = "", append(p.a.records, compact(e)) })
	}
	return err
}

func (p *teller) resume(id string) {
	p.id, p.a = id, p.d.story.runs[id]
	j, events, err := p.store.Continue(id)
	if err != nil {
		panic(err)
	}
	p.j = j
	p.does(func() {
		p.a.pending, p.a.records = "", nil
		for _, e := range events {
			p.a.records = append(p.a.records, compact(e))
		}
	})
}

func (p *teller) said(text string) engine.Event {
	return engine.Event{Kind: engine.EvSaid, Op: &engine.OpEvent{Step: 1, Text: text}}
}

// die ends the process in what it does, at a write or, once there is the folder over, at the sync of one.
func (p *teller) die(over string, in func()) {
	defer func() {
		if err := recover(); err != errDied {
			panic(err)
		}
	}()
	p.d.next, p.d.over = "die", over
	in()
}

// tear ends the process in the middle of a record, of which the disk has what was written.
func (p *teller) tear(e engine.Event) {
	p.die("", func() { p.append(e) })
	p.j.file.Close()
	raw := p.d.written(p.store.path(p.id))
	p.does(func() { p.a.tail = string(raw[bytes.LastIndexByte(raw, '\n')+1:]) })
	p.d.point("after the death")
}

// tell is the whole story.
func (p *teller) tell() {
	image := func(c payload) engine.Image { return engine.Image{Kind: engine.File, Mode: 0o600, Content: c.Content} }
	plan := func(size int, contents ...payload) engine.Event {
		step := engine.PlannedStep{Kind: "scp", Name: "policy", Check: json.RawMessage(`{"text":"` + strings.Repeat("0123456789abcde ", size/16) + `"}`)}
		for i, c := range contents {
			step.Changes = append(step.Changes, engine.Change{At: fmt.Sprintf("/etc/%d", i), Before: engine.Image{Kind: engine.Absent}, After: image(c)})
		}
		return engine.Event{Kind: engine.EvPlanned, Planned: []engine.PlannedStep{step}}
	}
	// The first record of a run is longer than a page.
	opened := engine.Event{Kind: engine.EvOpened, Opened: &engine.Opened{Playbook: "audit-5p", Node: "master1", Address: "10.0.0.1:22", User: "op@laptop",
		Inputs: map[string]string{"text": strings.Repeat("an input ", page/8)}}}
	large := content(strings.Repeat("a line of a large file\n", (256<<10)/23+500))
	secret := content(strings.Repeat("a secret\n", 2000))
	secret.Content = secret.Secret()
	log := content("the log")

	// Each of the folders was made by a process that died before it could sync that.
	for _, made := range []string{filepath.Dir(powerState), powerState, powerState + "/runs"} {
		p.die(made, p.process)
	}
	p.process()
	p.d.story.mark = must2(p.store.Mark())
	p.does(func() {})
	p.create(otherID)
	p.append(opened)
	p.keep(log)
	p.append(plan(100, log))
	p.tear(p.said("half of it"))

	p.process()
	p.resume(otherID)
	p.append(p.said("the end"))
	if err := p.j.Close(); err != nil {
		panic(err)
	}
	p.create(testID)
	p.append(opened)
	p.keep(large)
	p.keep(secret)
	p.append(plan(100, large, secret))
	for _, text := range []string{"one", "two", "three"} {
		p.append(p.said(text))
	}
	p.append(plan(3 * page)) // over several pages
	p.append(p.said("four"))
	if err := p.j.Close(); err != nil {
		panic(err)
	}

	p.process()
	p.resume(testID)
	p.append(p.said("five"))
	p.keep(log)
	p.append(engine.Event{Kind: engine.EvEvidence, Op: &engine.OpEvent{Step: 1, Text: "kubelet-log", Blob: &log.Content}})
	p.d.next = "full"
	if err := p.try(p.said("the disk is full")); err == nil {
		panic("written to a full disk")
	}

	p.process()
	p.resume(testID)
	p.append(p.said("six"))
	p.d.next = "broken"
	if err := p.try(p.said("the disk is broken")); err == nil {
		panic("synced to a broken disk")
	}

	p.process()
	p.resume(testID)
	p.tear(plan(2 * page))

	p.process()
	p.resume(testID)
	p.append(p.said("seven"))
	p.append(engine.Event{Kind: engine.EvLanded, End: &engine.End{By: "hcrun"}})
	if err := p.j.Close(); err != nil {
		panic(err)
	}
	for _, id := range []string{testID, otherID} {
		must2(p.store.Verify(id))
	}

	p.a = p.d.story.runs[otherID]
	p.does(func() { p.a.removed = asked })
	if err := p.store.Remove(otherID); err != nil {
		panic(err)
	}
	p.does(func() { p.a.removed = acknowledged })
	p.d.point("at the end")

	// A run whose names nobody has synced, and that another process goes on with.
	const unborn = "20261127-200312-master3-bbbb"
	p.process()
	p.die("", func() { p.create(unborn) })
	p.process()
	p.resume(unborn)
	p.does(func() { p.a.begun = acknowledged })
	p.append(opened)
	p.d.point("at the end")
}
