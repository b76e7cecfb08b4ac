package engine

// Change is what one step does to one path. The pair of Before and After is the plan, the diff, the
// write-ahead record, the undo, and the answer to "did this already happen?".
type Change struct {
	At     string `json:"at"` // absolute path on the node
	Before Image  `json:"before"`
	After  Image  `json:"after"`
	Secret bool   `json:"secret,omitempty"` // no display may show its content

	// Cmd is how it is made where At is not a path; nil for a path.
	Cmd *Command `json:"cmd,omitempty"`
}

// Inverse is the change that undoes c.
func (c Change) Inverse() Change {
	return Change{At: c.At, Before: c.After, After: c.Before, Secret: c.Secret, Cmd: c.Cmd.inverse()}
}

// Action is what a change amounts to; it is worked out, never stored.
type Action string

// The actions.
const (
	Nothing Action = "nothing"
	Create  Action = "create"
	Replace Action = "replace" // other content
	Adjust  Action = "adjust"  // only mode or owner
	Remove  Action = "remove"
	Execute Action = "run" // a command
)

// Action works out what the change amounts to.
func (c Change) Action() Action {
	switch {
	case c.After.Matches(c.Before):
		return Nothing
	case c.Cmd != nil:
		return Execute
	case c.Before.Kind == Absent:
		return Create
	case c.After.Kind == Absent:
		return Remove
	case c.Before.Kind == c.After.Kind && (c.After.Kind == Dir || c.After.AnyContent || c.Before.Content.Same(c.After.Content)):
		return Adjust
	}
	return Replace
}
