package trial

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// functions are the language's, with files below the test file's folder. The environment is not asked, so
// that a test means the same whoever runs it.
func functions(root *os.Root) map[string]function.Function {
	all := lang.Functions(nil)
	all["env"] = function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "name", Type: cty.String},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.String, errors.New("a test means the same whoever runs it: write the value itself, and env = { NAME = ... } for what the playbook asks")
		},
	})
	for name, f := range lang.FileFunctions(below{root.FS()}, all, nil) {
		all[name] = f
	}
	delete(all, "fileexists") // what is not there is an error of the test
	return all
}

// below are the files below the test file's folder.
type below struct{ fs.FS }

// Open opens a file; the root keeps what is outside out of reach.
func (b below) Open(name string) (fs.File, error) {
	if err := local(name); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := b.FS.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is not there, below the test file's folder")}
	}
	return f, err
}

func local(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return errors.New("is outside the test file's folder")
	}
	return nil
}
