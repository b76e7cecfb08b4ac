package lang

import (
	"crypto/md5"  //nolint:gosec // what another tool named by it, not a proof
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// param is a parameter of known type that cannot be null.
func param(name string, ty cty.Type) function.Parameter {
	return function.Parameter{Name: name, Type: ty}
}

// text1 makes a function of one text to another.
func text1(name string, f func(string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param(name, cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(f(args[0].AsString())), nil
		},
	})
}

// test2 makes a yes-or-no function of two texts.
func test2(a, b string, f func(a, b string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param(a, cty.String), param(b, cty.String)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func hasPrefix(s, part string) bool { return strings.HasPrefix(s, part) }
func hasSuffix(s, part string) bool { return strings.HasSuffix(s, part) }
func contains(s, part string) bool  { return strings.Contains(s, part) }

// basename and dirname go by slashes wherever hcrun runs: nodes have slashes.
func basename(s string) string { return path.Base(s) }
func dirname(s string) string  { return path.Dir(s) }

func base64Encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
func urlEncode(s string) string    { return url.QueryEscape(s) }

func md5Hex(s string) string    { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }  //nolint:gosec
func sha1Hex(s string) string   { sum := sha1.Sum([]byte(s)); return hex.EncodeToString(sum[:]) } //nolint:gosec
func sha256Hex(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
func sha512Hex(s string) string { sum := sha512.Sum512([]byte(s)); return hex.EncodeToString(sum[:]) }

func base64SHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func base64DecodeFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("text", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			b, err := base64.StdEncoding.DecodeString(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "the text is not base64: %w", err)
			}
			if !utf8.Valid(b) {
				return cty.NilVal, function.NewArgErrorf(0, "what the text stands for is not UTF-8")
			}
			return cty.StringVal(string(b)), nil
		},
	})
}

// replaceFunc replaces a part of a text; a part between slashes is a regular expression.
func replaceFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("text", cty.String), param("part", cty.String), param("by", cty.String)},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, part, by := args[0].AsString(), args[1].AsString(), args[2].AsString()
			if len(part) < 2 || part[0] != '/' || part[len(part)-1] != '/' {
				return cty.StringVal(strings.ReplaceAll(text, part, by)), nil
			}
			re, err := regexp.Compile(part[1 : len(part)-1])
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%s is not a regular expression: %w", part, err)
			}
			return cty.StringVal(re.ReplaceAllString(text, by)), nil
		},
	})
}

// envFunc answers env(name) and env(name, default). A variable that is not set, or set to nothing, is an
// error without a default: an address such as "master1." must never come of it.
func envFunc(lookup func(string) (string, bool)) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{param("name", cty.String)},
		VarParam: &function.Parameter{Name: "default", Type: cty.String},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) > 2 {
				return cty.NilVal, fmt.Errorf(`env takes a name and at most one default: env("NAME", "default")`)
			}
			name, value, set := args[0].AsString(), "", false
			if lookup != nil {
				value, set = lookup(name)
			}
			switch {
			case value != "":
				return cty.StringVal(value), nil
			case len(args) == 2:
				return args[1], nil
			case set:
				return cty.NilVal, function.NewArgErrorf(0, "the environment variable %s is empty: export %s=..., or write env(%q, \"default\")", name, name, name)
			}
			return cty.NilVal, function.NewArgErrorf(0, "the environment variable %s is not set: export %s=..., or write env(%q, \"default\")", name, name, name)
		},
	})
}

// wideRE is a width or precision of a format that would fill the memory.
var wideRE = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]{4,}`)

// bounded refuses formats that pad to thousands of characters.
func bounded(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type:     f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if wideRE.MatchString(args[0].AsString()) {
				return cty.NilVal, function.NewArgErrorf(0, "a width or precision is at most 999")
			}
			return f.Call(args)
		},
	})
}
