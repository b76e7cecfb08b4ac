package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Sample is a task of the kind under test, on a machine where it has something to do.
type Sample struct {
	Name string
	// Make returns the task as a playbook would fill it, not prepared yet.
	Make func() engine.Task
	// Files is the playbook's folder; nil: it is empty.
	Files fs.FS
	// Ground lays what is on the machine before the run; nil: what NewNode has.
	Ground func(*Node) error
	// Prove makes true what a Checker is about, Refute makes it false, both after its mark was taken. A
	// Checker needs both, a Changer neither.
	Prove, Refute func(*Node) error
}

// rule is something that holds for every kind, or for each sample of one.
type rule struct {
	name  string
	holds func(ctx context.Context, k engine.Kind, s Sample) error
}

// TestKind runs the suite that every kind of task has to pass: it has a name, commented fields and one
// method set; an empty body and a node that is away are errors and not panics; it survives its journal.
// A Changer plans without writing, finds nothing left to do the second time, and is carried out and undone
// to the byte whatever moment the process dies at. A Checker proves what is true, disproves what is not,
// and takes an interruption for neither.
func TestKind(t *testing.T, k engine.Kind, samples ...Sample) {
	for _, r := range kindRules() {
		t.Run(r.name, func(t *testing.T) {
			if err := sheltered(t.Context(), r, k, Sample{}); err != nil {
				t.Error(err)
			}
		})
	}
	if len(samples) == 0 {
		t.Error("a suite without a sample proves little")
	}
	for _, s := range samples {
		t.Run(s.Name, func(t *testing.T) {
			for _, r := range sampleRules(k) {
				t.Run(r.name, func(t *testing.T) {
					if err := sheltered(t.Context(), r, k, s); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// ruleTime is how long one rule may take: a task that waits for longer ignores its clock or its context.
const ruleTime = 30 * time.Second

// sheltered asks one rule, bounded, and turns a panic of the task into an error.
func sheltered(ctx context.Context, r rule, k engine.Kind, s Sample) error {
	ctx, cancel := context.WithTimeout(ctx, ruleTime)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				ended <- fmt.Errorf("it panicked: %v", v)
			}
		}()
		ended <- r.holds(ctx, k, s)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return fmt.Errorf("it did not end within %s: it ignores the clock or the context that it was given", ruleTime)
	}
}

func kindRules() []rule {
	return []rule{
		{"has its name", named},
		{"is either a Changer or a Checker", oneSort},
		{"has fields that playbooks and journals name alike", fieldNames},
		{"has comments on its fields", commented},
		{"takes an empty body without a panic", empty},
	}
}

func sampleRules(k engine.Kind) []rule {
	rules := []rule{{"is prepared", prepared}, {"survives its journal", journaled}}
	if _, ok := k.New().(engine.Changer); ok {
		return append(rules, changerRules()...)
	}
	return append(rules, checkerRules()...)
}

func named(_ context.Context, k engine.Kind, _ Sample) error {
	switch {
	case k.New == nil:
		return errors.New("the kind has no New")
	case k.New().Kind() != k.Name:
		return fmt.Errorf("the kind %q makes a task of kind %q", k.Name, k.New().Kind())
	case reflect.TypeOf(k.New()).Kind() != reflect.Pointer || reflect.TypeOf(k.New()).Elem().Kind() != reflect.Struct:
		return fmt.Errorf("its New returns a %T; a task is a pointer to a struct", k.New())
	case k.New() == k.New():
		return errors.New("its New returns the same task twice")
	}
	return nil
}

func oneSort(_ context.Context, k engine.Kind, _ Sample) error {
	_, changer := k.New().(engine.Changer)
	_, checker := k.New().(engine.Checker)
	if changer == checker {
		return fmt.Errorf("being a Changer is %v and being a Checker %v; it has to be exactly one", changer, checker)
	}
	return nil
}

// empty is a body in which nothing is written, and a task that was rebuilt without being prepared.
func empty(ctx context.Context, k engine.Kind, _ Sample) error {
	n := NewNode("master1")
	for _, prepare := range []bool{false, true} {
		t := k.New()
		if p, ok := t.(engine.Preparer); ok && prepare {
			_ = p.Prepare(emptyFolder{})
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		switch t := t.(type) {
		case engine.Changer:
			_, _ = t.Plan(ctx, engine.See(n))
		case engine.Checker:
			_, _ = t.Mark(ended, watch(n), nil)
			_ = t.Check(ended, watch(n), engine.Mark("{}"))
		}
	}
	return nil
}

func prepared(_ context.Context, _ engine.Kind, s Sample) error {
	_, err := s.ready()
	return err
}

// ready makes the sample's task and prepares it.
func (s Sample) ready() (engine.Task, error) {
	t := s.Make()
	p, ok := t.(engine.Preparer)
	if !ok {
		return t, nil
	}
	if s.Files == nil {
		s.Files = emptyFolder{}
	}
	if err := p.Prepare(s.Files); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return t, nil
}

func journaled(_ context.Context, k engine.Kind, s Sample) error {
	first, err := json.Marshal(s.Make())
	if err != nil {
		return err
	}
	again := k.New()
	if err := json.Unmarshal(first, again); err != nil {
		return err
	}
	second, err := json.Marshal(again)
	if err == nil && string(first) != string(second) {
		err = fmt.Errorf("it is written as %s, and what is read of that as %s", first, second)
	}
	return err
}

// common are the attributes that every task has; no kind may use them for itself.
var common = []string{"when", "for_each", "on_rollback", "on_failure", "on"}

func fieldNames(_ context.Context, k engine.Kind, _ Sample) error {
	return eachField(reflect.TypeOf(k.New()).Elem(), func(f reflect.StructField, name string) error {
		json, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" || name != json:
			return fmt.Errorf("%s: hcl calls it %q and json %q", f.Name, name, json)
		case slices.Contains(common, name):
			return fmt.Errorf("%s: every task has a %q already", f.Name, name)
		}
		return nil
	})
}

// eachField visits the fields that a playbook can write.
func eachField(t reflect.Type, visit func(reflect.StructField, string) error) error {
	var errs []error
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			name, _, _ := strings.Cut(f.Tag.Get("hcl"), ",")
			errs = append(errs, visit(f, name))
		}
	}
	return errors.Join(errs...)
}

// emptyFolder is a folder with nothing in it.
type emptyFolder struct{}

func (emptyFolder) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// watch is what a check gets, at a pace at which its waits are over at once.
func watch(n *Node) engine.Watch {
	return engine.Watch{Node: struct{ engine.Node }{n}, Clock: engine.Clock{Pace: 1000}, Say: func(string) {}}
}
