// Package playbooks turns HCL into engine playbooks. What can be checked without a node is checked when
// a file is loaded; every error has its line.
//
// A playbook in Go is an engine.Playbook made of literals. [Audit5P] is the stock playbook written so;
// [Compiled] is how a team's binary offers one of its own on the command line.
package playbooks

import (
	"fmt"
	"maps"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// Options are what a playbook is loaded with.
type Options struct {
	Kinds    []engine.Kind
	Vars     []string                    // "name=value" of -e; the last one of a name counts, and beats the rest
	VarFiles []string                    // files of name = value; a later file beats an earlier one
	Env      func(string) (string, bool) // answers env() and HCRUN_VAR_name; nil: nothing is set
	Values   []Value                     // from a program, such as a test; they beat -e
	// Hide is told every secret as soon as it is known, before any error that may hold it is returned.
	Hide func(...engine.Secret)
	// Secret gives the playbook's secrets instead of the places that they come from; nil: they are read there.
	Secret func(name string) string

	keep     func(*variables) // for what explains them
	included *inclusion       // of a file that is included, instead of all the above
}

// Node is what a playbook may know about the node that it is evaluated for.
type Node struct {
	Name          string
	Address       string // "" in a lab
	FailureDomain string // "" where the inventory says none
	Groups        []string
	Vars          map[string]any // nil, bool, string, int64, float64, []any, map[string]any
}

// File is a loaded playbook. It can be evaluated for any number of nodes, one after the other.
type File struct {
	path     string
	folder   string // of the local files, absolute
	header   header
	body     *part
	schedule *hclsyntax.Block // what is written, with what its dynamic blocks make
	kinds    []engine.Kind
	files    *localFiles
	asked    *asked
	vars     cty.Value
	secret   cty.Value
	secrets  []engine.Secret
	tell     func(...engine.Secret) // Options.Hide
	declared *variables
	base     *lang.Scope
	sources  map[string][]byte
	filename string            // as messages name it
	root     string            // the folder of the local files, as messages name it
	inputs   map[string]string // hashes of what is the same for all nodes, without the files
	shared   []string          // files that are read whichever node it is
}

// header is the playbook block.
type header struct {
	Description string `hcl:"description,optional"`
	Hosts       string `hcl:"hosts"`
	Root        string `hcl:"root,optional"`
}

// Load reads a playbook and checks everything that can be checked without a node. The error is a
// *lang.Error with all that was found.
func Load(path string, o Options) (*File, error) {
	src, err := lang.ReadFile(path)
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{}, err.Error(), ""), nil)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{}, err.Error(), ""), nil)
	}
	f := &File{path: abs, filename: path, kinds: o.Kinds, sources: map[string][]byte{path: src}, asked: &asked{lookup: o.Env}, tell: o.Hide}
	diags := f.load(src, o)
	if err := lang.AsError(diags, f.sources); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) load(src []byte, o Options) hcl.Diagnostics {
	body, diags := lang.Parse(f.filename, src, wantsPlaybook)
	if body == nil {
		return diags
	}
	f.body = &part{file: f.filename}
	f.body.skeleton, diags = split(f.filename, body, o.Kinds, false)
	if f.body.playbook == nil {
		return diags
	}
	diags = append(diags, f.open()...)
	if f.files == nil {
		return diags
	}
	o.Hide = f.hide
	diags = append(diags, f.include()...)
	o.keep = func(vs *variables) { f.declared = vs }
	vars, more := resolve(f.body.variables, f.base, o)
	diags = append(diags, more...)
	f.vars = vars
	f.secret, more = f.resolveSecrets(f.body.secrets, f.base.With("var", vars), o.Secret)
	diags = append(diags, more...)
	f.inputs = map[string]string{"playbook": hashOf(src)}
	for name, hash := range hashValues(vars) {
		f.inputs["variable "+name] = hash
	}
	for name, hash := range hashValues(f.secret) {
		f.inputs["secret "+name] = hash
	}
	f.asked.names = nil // what the variables' defaults asked for is in the variables
	made, more := f.evaluate(unknownNode())
	diags = append(diags, more...)
	if !f.body.has("task") && !diags.HasErrors() {
		diags = append(diags, lang.Diag(f.body.playbook.DefRange(), "the playbook has no task", `write task "KIND" "NAME" { ... }; kinds: `+lang.List(kindNames(f.kinds))))
	}
	diags = append(diags, f.tryPrepare(made)...)
	f.shared = f.files.names()
	maps.Copy(f.inputs, f.asked.hashes())
	return diags
}

// open reads the playbook block and opens the folder of the local files.
func (f *File) open() hcl.Diagnostics {
	pure := lang.Functions(f.asked.env)
	f.base = &lang.Scope{Functions: pure, Elsewhere: elsewhere(), Sources: f.sources, Budget: lang.NewBudget()}
	b := f.body.playbook
	_, diags := lang.Decode(b, f.base, &f.header)
	if a := b.Body.Attributes["hosts"]; a != nil && f.header.Hosts == "" && !diags.HasErrors() {
		diags = append(diags, lang.Diag(a.Expr.Range(), "hosts is empty", `write a group or pattern of the inventory, or "all"`))
	}
	root := filepath.Join(filepath.Dir(f.path), filepath.FromSlash(f.header.Root))
	if filepath.IsAbs(f.header.Root) {
		root = f.header.Root
	}
	f.root = filepath.Join(filepath.Dir(f.filename), filepath.FromSlash(f.header.Root))
	if filepath.IsAbs(f.header.Root) {
		f.root = root
	}
	files, err := openFiles(root)
	if err != nil {
		rng := b.DefRange()
		if a := b.Body.Attributes["root"]; a != nil {
			rng = a.Expr.Range()
		}
		return append(diags, lang.Diag(rng, fmt.Sprintf("root: %q: %v", f.header.Root, cause(err)), "root is the folder of the local files, relative to the playbook's folder"))
	}
	f.files, f.folder = files, root
	functions := maps.Clone(pure)
	maps.Copy(functions, lang.FileFunctions(files, pure, f.base.Budget))
	maps.Copy(functions, lang.SensitiveFunctions(f.hide))
	f.base.Functions = functions
	return diags
}

// Name is the playbook's label.
func (f *File) Name() string { return f.body.playbook.Labels[0] }

// Description is what the playbook says of itself.
func (f *File) Description() string { return f.header.Description }

// Hosts is the pattern of nodes that the playbook is for.
func (f *File) Hosts() string { return f.header.Hosts }

// Path is the absolute path of the playbook.
func (f *File) Path() string { return f.path }
