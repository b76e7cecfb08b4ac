package playbooks

import (
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// asked answers env() and remembers what was asked for.
type asked struct {
	lookup func(string) (string, bool)
	names  map[string]string // answers by name
}

func (a *asked) env(name string) (string, bool) {
	if a.lookup == nil {
		return "", false
	}
	v, ok := a.lookup(name)
	if a.names == nil {
		a.names = map[string]string{}
	}
	a.names[name] = v
	return v, ok
}

// hashes are the inputs that were asked for. Their values stay out of the journal.
func (a *asked) hashes() map[string]string {
	all := map[string]string{}
	for name, v := range a.names {
		all["environment "+name] = hashOf([]byte(v))[:8] // too short to confirm a guess: it may be a secret
	}
	return all
}

// hashValues is a hash of each attribute of an object. Of a sensitive one it is so short that it tells a change
// and confirms no guess.
func hashValues(object cty.Value) map[string]string {
	all := map[string]string{}
	if !object.IsWhollyKnown() || object.IsNull() {
		return all // there were errors, and nothing will be run
	}
	for name, v := range object.AsValueMap() {
		b, err := ctyjson.Marshal(lang.Bare(v), cty.DynamicPseudoType)
		if err != nil {
			continue
		}
		all[name] = hashOf(b)
		if lang.IsSensitive(v) {
			all[name] = all[name][:4]
		}
	}
	return all
}
