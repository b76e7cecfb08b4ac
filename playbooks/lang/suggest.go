package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Suggest is the name that was probably meant, or "" if none is near.
func Suggest(given string, names []string) string {
	fold := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "_")) }
	best, least := "", 1+max(1, min(3, len(given)/3))
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := levenshtein.Distance(fold(given), fold(name), nil); d < least {
			best, least = name, d
		}
	}
	return best
}

// maxListed is how many names a message lists.
const maxListed = 16

// DidYouMean asks for the nearest name, or lists what there is, as the second half of a message about
// a name that is unknown.
func DidYouMean(given string, names []string) string {
	if s := Suggest(given, names); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "there is: " + List(names)
}

// List is the names in order, "nothing" if there is none, cut short if they are many.
func List(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
