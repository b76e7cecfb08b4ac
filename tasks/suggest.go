package tasks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// didYouMean is `; did you mean "x"?` when one of the names is close to the word, else "".
func didYouMean(word string, names []string) string {
	best, least := "", len(word)/3+2
	for _, n := range slices.Sorted(slices.Values(names)) {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(n), nil); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// quoted lists words for a message: "a", "b" and "c".
func quoted(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", w)
	}
	return b.String()
}
