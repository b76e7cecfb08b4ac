package splice

import (
	"bytes"
	"reflect"
)

// Op is one operation on a document. It is done when it finds nothing left to do.
type Op interface {
	// step returns the text edits of the operation's next step, none when it is done.
	step(d *document) ([]edit, error)
	// object does the same step to a decoded object.
	object(obj any) (any, error)
	// String says what the operation does, in a few words.
	String() string
}

// Set makes Value the value at a path. Mappings are merged: keys that Value does not have stay. Keys
// that are missing on the way are made, list items are not.
type Set struct {
	At    Path
	Value any
}

func (o Set) step(d *document) ([]edit, error) { return d.set(o.At, o.Value) }
func (o Set) object(obj any) (any, error)      { return setObject(obj, o.At, o.Value) }
func (o Set) String() string                   { return "set " + o.At.String() }

// Remove takes away the key or the item at a path, if it is there. Comments above it stay. The path may
// not end with the number of an item: a second application would take away the next one.
type Remove struct{ At Path }

func (o Remove) step(d *document) ([]edit, error) {
	if o.At.Numbered() {
		return nil, d.refuse(1, "%s: an item is removed by what is in it, not by its number", o)
	}
	return d.remove(o.At)
}

func (o Remove) object(obj any) (any, error) { return removeObject(obj, o.At) }
func (o Remove) String() string              { return "remove " + o.At.String() }

// SetFlags sets command line flags. At is a container, or its command or args. Flags that are not
// there are added behind the last word, in the order given.
type SetFlags struct {
	At    Path
	Flags []Flag
}

func (o SetFlags) step(d *document) ([]edit, error) { return d.setFlags(o.At, o.Flags) }
func (o SetFlags) object(obj any) (any, error)      { return flagsObject(obj, o.At, o.Flags) }
func (o SetFlags) String() string                   { return "set flags of " + o.At.String() }

// RemoveFlag removes a command line flag. At is a container, or its command or args.
type RemoveFlag struct {
	At   Path
	Name string
}

func (o RemoveFlag) step(d *document) ([]edit, error) { return d.dropFlag(o.At, o.Name) }
func (o RemoveFlag) object(obj any) (any, error)      { return dropFlagObject(obj, o.At, o.Name) }
func (o RemoveFlag) String() string                   { return "remove the flag --" + o.Name + " of " + o.At.String() }

// Put adds an item to a list, or changes the one whose Keys have the same values: fields of Item are
// set, others stay.
type Put struct {
	List Path
	Keys []string
	Item map[string]any
	// Exclusive refuses to change an item that has a field which Item does not have: a volume has one
	// source only.
	Exclusive bool
	// Replace removes from the item that is there what Item does not have.
	Replace bool
}

func (o Put) step(d *document) ([]edit, error) {
	if o.Replace {
		surplus, err := d.surplus(o)
		if err != nil {
			return nil, err
		}
		if len(surplus) > 0 {
			return d.remove(surplus[0])
		}
		o.Exclusive = false
	}
	return d.put(o)
}

func (o Put) object(obj any) (any, error) {
	if o.Replace {
		item := o.List.Then(Step{Item: true, Match: o.match()})
		var surplus []Path
		_, err := at(obj, item, false, func(old any) (any, error) {
			m, _ := old.(map[string]any)
			surplus = extra(item, m, o.Item)
			return old, nil
		})
		if err != nil {
			return nil, err
		}
		if len(surplus) > 0 {
			return removeObject(obj, surplus[0])
		}
	}
	return putObject(obj, o)
}

// maxSteps bounds the steps of one operation.
const maxSteps = 1000

// Apply applies operations to a text, one after the other, and returns the new text; it is the same
// text when everything is as wanted already. Values are as Normal returns them. Refusals are *Error.
func Apply(text []byte, ops ...Op) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	changed := false
	for _, op := range ops {
		next, err := d.run(op)
		if err != nil {
			return nil, err
		}
		changed = changed || next != d
		d = next
	}
	if !changed {
		return text, nil
	}
	for _, op := range ops {
		edits, err := op.step(d)
		if err != nil {
			return nil, err
		}
		if len(edits) > 0 {
			return nil, d.refuse(d.lineAt(edits[0].start), "the patch contradicts itself: after all of it, %q would change this line again", op)
		}
	}
	return d.text, nil
}

// run takes an operation to its end, each step judged by what the kubelet would read.
func (d *document) run(op Op) (*document, error) {
	for range maxSteps {
		edits, err := op.step(d)
		if err != nil {
			return nil, err
		}
		want, err := op.object(d.obj)
		if err != nil {
			return nil, d.refuse(1, "%s: %v", op, err)
		}
		if len(edits) == 0 {
			if !reflect.DeepEqual(want, any(d.obj)) {
				return nil, d.refuse(1, "%s: the text has it already, but the kubelet would read something else", op)
			}
			return d, nil
		}
		line := d.lineAt(edits[0].start)
		text, err := d.splice(edits)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(text, d.text) {
			return nil, d.refuse(line, "%s: there is something to change here, but not in the text", op)
		}
		next, err := parse(text)
		if err != nil {
			return nil, d.refuse(line, "%s: the edited file could not be read any more: %v", op, err)
		}
		if !reflect.DeepEqual(want, any(next.obj)) {
			return nil, d.refuse(line, "%s: the kubelet would read something else than what is wanted", op)
		}
		d = next
	}
	return nil, d.refuse(1, "%s: this does not come to an end", op)
}
