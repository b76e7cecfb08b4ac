package ui

import (
	"encoding/json"
	"io"

	"github.com/hcrun/hcrun/engine"
)

// JSON shows one event a line.
type JSON struct{ W io.Writer }

// Show writes the event. JSON escapes control bytes, so nothing a node said can move a cursor.
func (j *JSON) Show(e engine.Event) {
	p := &printer{w: j.W}
	b, err := json.Marshal(e)
	if err != nil {
		return
	}
	p.print(string(b) + "\n")
}

// EndJSON is the last line of --json output: how the command ended.
func EndJSON(w io.Writer, err error) {
	end := struct {
		Kind string      `json:"kind"`
		Code engine.Code `json:"code"`
		What string      `json:"what,omitempty"`
		Now  string      `json:"now,omitempty"`
		Next string      `json:"next,omitempty"`
	}{Kind: "exit", Code: engine.CodeOf(err)}
	if err != nil {
		end.What = err.Error()
		if p, ok := err.(*engine.Problem); ok {
			end.Now, end.Next = p.Now, p.Next
		}
	}
	b, err := json.Marshal(end)
	if err != nil {
		return
	}
	p := &printer{w: w}
	p.print(string(b) + "\n")
}
