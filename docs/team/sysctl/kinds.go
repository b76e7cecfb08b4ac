// Package sysctl has two kinds of task for kernel settings: sysctl writes the file that a boot reads,
// sysctl-live proves that the running kernel has the same values already.
package sysctl

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// The sources of the kinds, of which `hcrun doc` makes their documentation.
var (
	//go:embed file.go
	fileSource string
	//go:embed live.go
	liveSource string
)

// Kinds lists the kinds of this package.
func Kinds() []engine.Kind {
	return []engine.Kind{
		{Name: "sysctl", New: func() engine.Task { return new(File) }, Source: fileSource},
		{Name: "sysctl-live", New: func() engine.Task { return new(Live) }, Source: liveSource},
	}
}

// A setting's name, and a value that one line of a file can carry and a shell would not trip over.
var (
	nameRE  = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
	valueRE = regexp.MustCompile(`^[A-Za-z0-9_.,:/+-]+( [A-Za-z0-9_.,:/+-]+)*$`)
)

// checkValues refuses what is not a list of settings, as an error of the field values.
func checkValues(values map[string]string) error {
	var errs []error
	if len(values) == 0 {
		errs = append(errs, errors.New(`is empty: write at least one setting, such as { "vm.max_map_count" = 262144 }`))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !nameRE.MatchString(name):
			errs = append(errs, fmt.Errorf(`%q is not a setting: write it with dots, as "sysctl -a" prints it`, name))
		case !valueRE.MatchString(values[name]):
			errs = append(errs, fmt.Errorf("%s: %q cannot be a value: write words separated by single spaces", name, values[name]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &engine.FieldError{Field: "values", Err: err}
	}
	return nil
}

// render is the file for these values; equal values give equal bytes.
func render(values map[string]string) []byte {
	var b strings.Builder
	b.WriteString("# Written by hcrun: change the playbook, not this file.\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s = %s\n", name, values[name])
	}
	return []byte(b.String())
}
