package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// SystemdUnit enables or disables, starts or stops a unit of systemd on the node, and nothing where that is so
// already. Rollback brings back what was.
//
// A unit file that another task puts there comes before it. systemd has to read a changed file again; see
// the example of the task "command". Stopping and starting is for units that stay active once they are
// started, such as a timer or a daemon: one that has done its work at once is not seen to be active, and one
// that ends with an error when it is stopped is "failed" to systemd, which fails the run.
//
//	task "systemd-unit" "defrag" {
//	  unit    = "etcd-defrag.timer"
//	  enabled = true
//	  active  = true
//	}
type SystemdUnit struct {
	// Unit is the unit's whole name: "etcd-defrag.timer".
	Unit string `hcl:"unit" json:"unit"`
	// Enabled says whether it shall be started at every boot. By default nothing is changed about that.
	Enabled *bool `hcl:"enabled,optional" json:"enabled,omitempty"`
	// Active says whether it shall be running now. By default nothing is changed about that.
	Active *bool `hcl:"active,optional" json:"active,omitempty"`
	// Limit is how long systemd may take to do each of the two: "5m". By default "1m", at most an hour.
	Limit engine.Duration `hcl:"limit,optional" json:"limit,omitempty"`
}

var (
	_ engine.Changer  = (*SystemdUnit)(nil)
	_ engine.Preparer = (*SystemdUnit)(nil)
	_ engine.Timed    = (*SystemdUnit)(nil)
)

// unitName is what systemd.unit(5) allows, without templates that lack their instance.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(service|socket|timer|path|mount|automount|swap|target|slice)$`)

// Kind is "systemd-unit".
func (t *SystemdUnit) Kind() string { return "systemd-unit" }

// Longest is the limit, for each of the two.
func (t *SystemdUnit) Longest() time.Duration {
	return time.Duration(len(t.states())) * t.Limit.Or(engine.Minute)
}

// Prepare checks the fields.
func (t *SystemdUnit) Prepare(fs.FS) error {
	switch {
	case !unitName.MatchString(t.Unit) || len(t.Unit) > 255:
		return &engine.FieldError{Field: "unit", Err: fmt.Errorf(`%q is not the whole name of a unit, such as "etcd-defrag.timer"`, t.Unit)}
	case t.Enabled == nil && t.Active == nil:
		return &engine.FieldError{Field: "enabled", Err: errors.New("or active is needed: what the unit shall be")}
	case t.Limit != 0 && (t.Limit < engine.Second || t.Limit > engine.Hour):
		return &engine.FieldError{Field: "limit", Err: fmt.Errorf("%s is not between 1s and 1h", t.Limit)}
	}
	return nil
}

// unitState is one of the two things that can be said of a unit.
type unitState struct {
	ask      string   // of systemctl
	on       bool     // what it shall be
	yes, no  string   // what systemctl says
	like     []string // what else it says where it is not, and can become so
	do, undo string   // of systemctl: to make it so, and not so
}

func (t *SystemdUnit) states() []unitState {
	var all []unitState
	if t.Enabled != nil {
		// What says "not-found", or nothing and a status, has no file yet: another task may bring it.
		all = append(all, unitState{"is-enabled", *t.Enabled, "enabled", "disabled", []string{"not-found", "status 1", "status 4"}, "enable", "disable"})
	}
	if t.Active != nil {
		all = append(all, unitState{"is-active", *t.Active, "active", "inactive", nil, "start", "stop"})
	}
	if len(all) == 2 && !*t.Active { // it is stopped before it is disabled
		slices.Reverse(all)
	}
	return all
}

// Plan asks systemd what the unit is.
func (t *SystemdUnit) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	states := t.states()
	var places []string
	for _, s := range states {
		places = append(places, engine.Probe("systemctl", s.ask, t.Unit))
	}
	images, err := look(ctx, places...)
	if err != nil {
		return nil, err
	}
	var changes []engine.Change
	for i, s := range states {
		want, was := s.yes, images[i].Says
		from := append([]string{s.no}, s.like...)
		run, undo := s.do, s.undo
		if !s.on {
			want, from, run, undo = s.no, []string{s.yes}, undo, run
			if slices.Contains(s.like, was) {
				continue // what is not there is neither enabled nor to be disabled
			}
		}
		switch {
		case was == want:
			continue
		case !slices.Contains(from, was):
			return nil, engine.Problemf(engine.Preflight, "systemctl %s %s says %q: from that it is not made %q, because rollback could not bring it back; look at `systemctl status %[2]s` on the node, and `systemctl reset-failed %[2]s` where it has failed", s.ask, t.Unit, was, want)
		}
		changes = append(changes, engine.CommandChange([]string{"systemctl", s.ask, t.Unit}, images[i], want, engine.Command{
			Run: []string{"systemctl", run, t.Unit}, Undo: []string{"systemctl", undo, t.Unit}, Limit: t.Limit}))
	}
	return changes, nil
}
