package lang

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"sigs.k8s.io/yaml"
)

// decodeFunc makes a function that reads a value out of a text of at most MaxSize.
func decodeFunc(decode func(string) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("text", cty.String)},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text := args[0].AsString()
			if len(text) > MaxSize {
				return cty.NilVal, function.NewArgErrorf(0, "the text is larger than %d KiB", MaxSize>>10)
			}
			v, err := decode(text)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return v, nil
		},
	})
}

func jsonDecode(text string) (cty.Value, error) {
	if err := shallow([]byte(text)); err != nil {
		return cty.NilVal, err
	}
	v, err := stdlib.JSONDecode(cty.StringVal(text))
	if err != nil {
		return cty.NilVal, fmt.Errorf("the text is not JSON: %w", err)
	}
	return v, nil
}

// shallow refuses JSON that nests deeper than MaxDepth: reading it recurses.
func shallow(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	for depth := 0; ; {
		t, err := dec.Token()
		if err != nil {
			return nil // the decoder that follows says what is wrong
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > MaxDepth {
			return fmt.Errorf("the text nests more than %d deep", MaxDepth)
		}
	}
}

// maxFlow is how many opening brackets a YAML text may hold on one line before its parser, which
// recurses, is not asked.
const maxFlow = 500

func yamlDecode(text string) (cty.Value, error) {
	for line := range bytes.Lines([]byte(text)) {
		if bytes.Count(line, []byte{'['})+bytes.Count(line, []byte{'{'})+bytes.Count(line, []byte("- ")) > maxFlow {
			return cty.NilVal, errors.New("the text nests too deep")
		}
	}
	doc, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return cty.NilVal, fmt.Errorf("the text is not YAML: %w", err)
	}
	return jsonDecode(string(doc))
}

func yamlEncodeFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.String), nil
			}
			doc, err := stdlib.JSONEncode(args[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			out, err := yaml.JSONToYAML([]byte(doc.AsString()))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(string(out)), nil
		},
	})
}
