package splice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// decode reads src as the kubelet does, but strictly: a key that is there twice is an error. Numbers
// stay json.Number, so that none loses a digit.
func decode(src []byte) (obj map[string]any, err error) {
	if len(src) > MaxSize {
		return nil, fmt.Errorf("%d bytes are more than the %d that the kubelet reads", len(src), MaxSize)
	}
	defer func() {
		if r := recover(); r != nil {
			obj, err = nil, fmt.Errorf("the YAML parser gave up: %v", r)
		}
	}()
	text, err := yaml.YAMLToJSONStrict(src)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is not a mapping")
	}
	return obj, nil
}
