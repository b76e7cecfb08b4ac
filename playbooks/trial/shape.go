package trial

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
)

// given is what a test gives. The defaults block may say it for all tests of the file: a test's own word
// counts before it, and files, variables and checks are added to those of the defaults one by one.
type given struct {
	// Playbook is the playbook's file, relative to the test file.
	Playbook string `hcl:"playbook,optional"`
	// Node is the one node that the playbook is carried out on.
	Node *node `hcl:"node,block"`
	// Peers are the other nodes of the group, for gates. By default those of the schedule's order.
	Peers []string `hcl:"peers,optional"`
	// Vars are the values of the playbook's variables; the others have their defaults.
	Vars hclsyntax.Expression `hcl:"vars,optional"`
	// Env is all that env() finds; the environment of the one who runs the tests is not asked.
	Env map[string]string `hcl:"env,optional"`
	// Secrets are the texts of the playbook's secrets. One that is not named here is "secret NAME"; where the
	// playbook takes it from is not asked.
	Secrets map[string]string `hcl:"secrets,optional"`
	// Now is when apply is typed. Without it the guards are not asked.
	Now moment `hcl:"now,optional"`
	// Past are the runs that are on record.
	Past []past `hcl:"past,block"`
	// Checks are the answers of checks; one that is not named here is proven at once.
	Checks []check `hcl:"check,block"`
	// Gates are the answers of gates; one that is not named here is open.
	Gates []gate `hcl:"gate,block"`

	values map[string]playbooks.Value // Vars
}

// node is a machine in memory, and what the inventory would say of it.
type node struct {
	Name    string               `hcl:"name,label"`
	Address string               `hcl:"address,optional"`
	Groups  []string             `hcl:"groups,optional"`
	Vars    hclsyntax.Expression `hcl:"vars,optional"`
	// Files are the contents of files by path, with mode 0644 and root's; their folders are made.
	Files map[string]string `hcl:"files,optional"`
	File  []nodeFile        `hcl:"file,block"`
	Dir   []nodeDir         `hcl:"dir,block"`
	Link  []nodeLink        `hcl:"link,block"`

	values map[string]playbooks.Value // Vars
}

// nodeFile is a file with a mode or an owner of its own.
type nodeFile struct {
	Path    string      `hcl:"path,label"`
	Content string      `hcl:"content"`
	Mode    engine.Mode `hcl:"mode,optional"`  // 0644
	Owner   owner       `hcl:"owner,optional"` // 0:0
}

// nodeDir is a folder; folders above files need not be written.
type nodeDir struct {
	Path  string      `hcl:"path,label"`
	Mode  engine.Mode `hcl:"mode,optional"` // 0755
	Owner owner       `hcl:"owner,optional"`
}

// nodeLink is a symbolic link.
type nodeLink struct {
	Path string `hcl:"path,label"`
	To   string `hcl:"to"`
}

// past is one run on record: exactly one of landed, rolled_back and unverified says when.
type past struct {
	Node        string `hcl:"node"`
	Playbook    string `hcl:"playbook,optional"` // by default the tested one
	Landed      moment `hcl:"landed,optional"`
	RolledBack  moment `hcl:"rolled_back,optional"`  // a check failed
	Unverified  moment `hcl:"unverified,optional"`   // still open
	OtherInputs bool   `hcl:"other_inputs,optional"` // the playbook, its files or variables were others
	Acked       bool   `hcl:"acked,optional"`
}

// check is what one check answers: "kind.name".
type check struct {
	Step string `hcl:"step,label"`
	// Fails is why the check is disproven after the change.
	Fails string `hcl:"fails,optional"`
	// FailsOnRollback is why it is disproven when it is asked again on the way back.
	FailsOnRollback string `hcl:"fails_on_rollback,optional"`
	// Unavailable is why it cannot answer, asked before the first write.
	Unavailable string `hcl:"unavailable,optional"`
	// Real asks the check itself, on the fake node: it finds the files, no command and no connection.
	Real bool `hcl:"real,optional"`
}

// gate is what one gate answers: "kind.name".
type gate struct {
	Gate string `hcl:"gate,label"`
	// Refuses is why it refuses before the first write, RefusesAfter why it does after the last check.
	Refuses      string `hcl:"refuses,optional"`
	RefusesAfter string `hcl:"refuses_after,optional"`
}

// expectation is what a test expects.
type expectation struct {
	// Order lists the steps that change something, in order: "kind.name".
	Order []string `hcl:"order,optional"`
	// Unchanged: there is nothing to do.
	Unchanged *bool `hcl:"unchanged,optional"`
	// Changes are about one path each.
	Changes []change `hcl:"change,block"`
	// Diff is the whole plan as text. A file("...") is written by --update.
	Diff hclsyntax.Expression `hcl:"diff,optional"`
	// Refuse is a part of what is said when the playbook cannot be loaded, planned or carried out.
	Refuse string `hcl:"refuse,optional"`
	// Code is the exit status of apply.
	Code *int `hcl:"code,optional"`
	// Held is the guard that holds the node, Until when it would open.
	Held  string `hcl:"held,optional"`
	Until moment `hcl:"until,optional"`
	// RolledBack lists the steps that are undone after a failure, in the order of the undoing.
	RolledBack []string `hcl:"rolled_back,optional"`
	// Eventful: it lands, and the next node is held until someone acks.
	Eventful bool `hcl:"eventful,optional"`

	diff *string
}

// change is what becomes of one path, from before the first step to after the last.
type change struct {
	Path     string       `hcl:"path,label"`
	Action   string       `hcl:"action,optional"` // create, replace, adjust or remove
	Kind     string       `hcl:"kind,optional"`   // file or dir
	Mode     *engine.Mode `hcl:"mode,optional"`
	Owner    owner        `hcl:"owner,optional"`
	Equals   *string      `hcl:"equals,optional"`   // the whole content
	Contains []string     `hcl:"contains,optional"` // parts of the new content
	Lacks    []string     `hcl:"lacks,optional"`
}

// moment is a time as it is written in test files.
type moment time.Time

func (m moment) t() time.Time { return time.Time(m) }

// UnmarshalText reads RFC 3339.
func (m *moment) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return fmt.Errorf(`%q is not a moment: write day, time and offset, such as "2026-11-30T20:00:00-05:00"`, b)
	}
	*m = moment(t)
	return nil
}

// owner is "uid:gid" in numbers; the zero value is nobody's word.
type owner struct {
	uid, gid int
	given    bool
}

// UnmarshalText reads two numbers.
func (o *owner) UnmarshalText(b []byte) error {
	if n, err := fmt.Sscanf(string(b)+"\n", "%d:%d\n", &o.uid, &o.gid); n != 2 || err != nil || o.uid < 0 || o.gid < 0 {
		return fmt.Errorf(`%q is not an owner: write user and group in numbers, such as "0:0"`, b)
	}
	o.given = true
	return nil
}
