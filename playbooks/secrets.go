package playbooks

import (
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// secret is what a secret block says: exactly one place that the text comes from.
type secret struct {
	Env         string   `hcl:"env,optional"`
	File        string   `hcl:"file,optional"`
	Command     []string `hcl:"command,optional"`
	Age         string   `hcl:"age,optional"`
	Identity    string   `hcl:"identity,optional"`
	Description string   `hcl:"description,optional"`
}

// resolveSecrets is the object that "secret" stands for: every text is read once, when the playbook is
// loaded, and is sensitive from then on.
func (f *File) resolveSecrets(blocks []*hclsyntax.Block, scope *lang.Scope, instead func(name string) string) (cty.Value, hcl.Diagnostics) {
	values := map[string]cty.Value{}
	var diags hcl.Diagnostics
	for _, b := range blocks {
		name := b.Labels[0]
		values[name] = lang.Sensitive(cty.UnknownVal(cty.String))
		var s secret
		known, more := lang.Decode(b, scope, &s)
		diags = append(diags, more...)
		if more.HasErrors() || !known {
			continue
		}
		text, attr, err := s.read(f, name, instead)
		rng := b.DefRange()
		if a := b.Body.Attributes[attr]; a != nil {
			rng = a.Expr.Range()
		}
		if err == nil {
			err = fitsSecret(text)
		}
		if err != nil {
			diags = append(diags, lang.DiagOf(rng, fmt.Errorf("secret %q: %w", name, err), ""))
			continue
		}
		f.hide(engine.NewSecret(text))
		values[name] = lang.Sensitive(cty.StringVal(text))
	}
	return cty.ObjectVal(values), diags
}

// read is the secret's text, given instead or read, and the attribute that says where it comes from.
func (s secret) read(f *File, name string, instead func(string) string) (text, attr string, err error) {
	var from []string
	for name, given := range map[string]bool{"env": s.Env != "", "file": s.File != "", "command": len(s.Command) > 0, "age": s.Age != ""} {
		if given {
			from = append(from, name)
		}
	}
	if len(from) != 1 {
		return "", "", fmt.Errorf("it comes from one place: write one of env, file, command and age")
	}
	if s.Identity != "" && s.Age == "" {
		return "", "identity", fmt.Errorf("identity is the key of an age file: write age = \"FILE\" beside it")
	}
	if instead != nil {
		return instead(name), from[0], nil
	}
	switch from[0] {
	case "env":
		text, err = secretEnv(f.asked.lookup, s.Env)
	case "file":
		text, err = secretFile(s.File, f.localPath(s.File))
	case "command":
		text, err = secretCommand(s.Command)
	case "age":
		text, err = secretAge(f, s.Age, s.Identity)
	}
	return text, from[0], err
}

// fitsSecret refuses what cannot be kept out of output.
func fitsSecret(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("it is empty")
	case !utf8.ValidString(text):
		return fmt.Errorf("it is not UTF-8 text")
	case len(text) < engine.MinSecret:
		return fmt.Errorf("it is shorter than %d characters, and so would be found by chance in other output: use a longer one", engine.MinSecret)
	}
	return nil
}

// hide keeps secrets out of everything that is shown from now on.
func (f *File) hide(secrets ...engine.Secret) {
	for _, s := range secrets {
		if len(s.Reveal()) >= engine.MinSecret {
			f.secrets = append(f.secrets, s)
		}
	}
	if f.tell != nil {
		f.tell(secrets...)
	}
}
