package lang

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxText is how many bytes of a file a function reads into an expression.
const maxText = 4 << 20

// maxFileset is how many files one fileset finds.
const maxFileset = 10000

// FileFunctions are the functions that read files below a folder. pure are what templates may call, within
// the budget of the expressions that call for them.
func FileFunctions(files fs.FS, pure map[string]function.Function, budget *Budget) map[string]function.Function {
	ff := map[string]function.Function{
		"file":       readFunc(files, asText),
		"filebase64": readFunc(files, func(b []byte) (string, error) { return base64.StdEncoding.EncodeToString(b), nil }),
		"filesha256": hashFunc(files, sha256.New),
		"filesha512": hashFunc(files, sha512.New),
		"fileexists": existsFunc(files),
		"fileset":    filesetFunc(files),
	}
	inTemplates := maps.Clone(pure)
	maps.Copy(inTemplates, ff)
	ff["templatefile"] = templateFunc(files, inTemplates, budget)
	return ff
}

func asText(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("is not UTF-8 text; filebase64 reads any bytes")
	}
	return string(b), nil
}

// readText reads a whole file of at most maxText bytes.
func readText(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(path.Clean(name))
	if err != nil {
		return nil, fileError(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if len(b) > maxText {
		return nil, fmt.Errorf("%q is larger than %d MiB: send it with scp", name, maxText>>20)
	}
	return b, nil
}

// fileError says in plain words why a file cannot be read.
func fileError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %q below the playbook's root", name)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%q: %w", name, pe.Err)
	}
	return err
}

func readFunc(files fs.FS, encode func([]byte) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			b, err := readText(files, name)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			s, err := encode(b)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q %w", name, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

func hashFunc(files fs.FS, sum func() hash.Hash) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			f, err := files.Open(path.Clean(name))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, fileError(name, err))
			}
			defer f.Close()
			h := sum()
			if _, err := io.Copy(h, f); err != nil {
				return cty.NilVal, function.NewArgError(0, fileError(name, err))
			}
			return cty.StringVal(hex.EncodeToString(h.Sum(nil))), nil
		},
	})
}

func existsFunc(files fs.FS) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			info, err := fs.Stat(files, path.Clean(name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return cty.NilVal, function.NewArgError(0, fileError(name, err))
			}
			return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
		},
	})
}

// filesetFunc finds files that match a pattern, in which "**" stands for any folders: fileset(pattern)
// names them from the root, so that scp takes them as they are, and fileset(folder, pattern) from the folder.
func filesetFunc(files fs.FS) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{param("pattern", cty.String)},
		VarParam: &function.Parameter{Name: "pattern_in_folder", Type: cty.String},
		Type:     function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			folder, pattern := ".", args[len(args)-1].AsString()
			switch len(args) {
			case 1:
			case 2:
				folder = path.Clean(args[0].AsString())
			default:
				return cty.NilVal, errors.New("fileset takes a pattern, or a folder and a pattern")
			}
			if _, err := path.Match(pattern, ""); err != nil {
				return cty.NilVal, function.NewArgErrorf(len(args)-1, "%q is not a pattern", pattern)
			}
			found, err := glob(files, folder, path.Clean(pattern))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if len(found) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			return cty.SetVal(found), nil
		},
	})
}

// glob walks from the last folder that the pattern names outright, and not through all that lies beside.
func glob(files fs.FS, folder, pattern string) ([]cty.Value, error) {
	parts := strings.Split(pattern, "/")
	named := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, `*?[\`) })
	if named < 0 {
		named = len(parts) - 1
	}
	var found []cty.Value
	err := fs.WalkDir(files, path.Join(folder, path.Join(parts[:named]...)), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fileError(name, err)
		}
		rel := name
		if folder != "." {
			rel = strings.TrimPrefix(strings.TrimPrefix(name, folder), "/")
		}
		if d.Type().IsRegular() && matches(parts, strings.Split(rel, "/")) {
			found = append(found, cty.StringVal(rel))
		}
		if len(found) > maxFileset {
			return fmt.Errorf("more than %d files match", maxFileset)
		}
		return nil
	})
	return found, err
}

func matches(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		return matches(pattern[1:], name) || len(name) > 0 && matches(pattern, name[1:])
	}
	if len(name) == 0 {
		return false
	}
	ok, _ := path.Match(pattern[0], name[0])
	return ok && matches(pattern[1:], name[1:])
}

// templateFunc renders a file as a template that knows only the given values.
func templateFunc(files fs.FS, functions map[string]function.Function, budget *Budget) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("path", cty.String), anyParam("values")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if !args[1].IsWhollyKnown() {
				return cty.UnknownVal(cty.String), nil
			}
			if ty := args[1].Type(); !ty.IsObjectType() && !ty.IsMapType() {
				return cty.NilVal, function.NewArgErrorf(1, "give the template's values as { name = value }")
			}
			src, err := readText(files, name)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			v, diags := render(name, src, &Scope{Values: args[1].AsValueMap(), Functions: functions, Budget: budget})
			if diags.HasErrors() {
				return cty.NilVal, function.NewArgErrorf(0, "%s", firstLine(diags))
			}
			return v, nil
		},
	})
}

func render(name string, src []byte, scope *Scope) (cty.Value, hcl.Diagnostics) {
	expr, diags := parseTemplate(name, src)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	v, diags := scope.Value(expr)
	if diags.HasErrors() {
		return v, diags
	}
	if v.IsNull() || v.Type() != cty.String {
		return v, Here(expr.Range(), "the template is a value, not text", "")
	}
	return v, nil
}

// firstLine is the first finding in one line, for a message within another.
func firstLine(diags hcl.Diagnostics) string {
	i := slices.IndexFunc(diags, func(d *hcl.Diagnostic) bool { return d.Severity == hcl.DiagError })
	summary, detail := plain(diags[i])
	return strings.TrimSuffix(Place(subject(diags[i]))+": "+summary+"; "+detail, "; ")
}
