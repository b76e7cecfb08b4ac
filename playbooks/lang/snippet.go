package lang

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// maxWidth is how many characters of a source line are shown.
const maxWidth = 110

// Snippet is the source line of a range with a caret below it. What could move a terminal's cursor,
// or hide text, is escaped.
func Snippet(rng hcl.Range, src []byte) string {
	at := min(max(rng.Start.Byte, 0), len(src))
	from := bytes.LastIndexByte(src[:at], '\n') + 1
	to := len(src)
	if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
		to = at + i
	}
	to = from + len(bytes.TrimRight(src[from:to], "\r"))
	at = min(at, to)
	end := min(max(rng.End.Byte, at), to)

	before := []rune(printable(clip(src[from:at], true)))
	marked := []rune(printable(clip(src[at:end], false)))
	after := []rune(printable(clip(src[end:to], false)))
	if over := len(before) - maxWidth/2; over > 0 {
		before = append([]rune("..."), before[over:]...)
	}
	marked = marked[:min(len(marked), maxWidth/2)]
	after = after[:min(len(after), max(0, maxWidth-len(before)-len(marked)))]

	number := fmt.Sprintf("%4d", rng.Start.Line)
	line := strings.TrimRight(string(before)+string(marked)+string(after), " ")
	return fmt.Sprintf("%s | %s\n%s | %s%s\n", number, line,
		strings.Repeat(" ", len(number)), strings.Repeat(" ", len(before)), strings.Repeat("^", max(1, len(marked))))
}

// clip bounds the work on a line of a megabyte.
func clip(b []byte, keepEnd bool) []byte {
	const most = 4 * maxWidth
	if len(b) <= most {
		return b
	}
	if keepEnd {
		return b[len(b)-most:]
	}
	return b[:most]
}

// printable escapes everything that is not shown as itself: control bytes, bidirectional and
// zero-width characters, bytes that are no UTF-8. A tab becomes one space, so that carets stand right.
func printable[T string | []byte](text T) string {
	var b strings.Builder
	s := string(text)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}
