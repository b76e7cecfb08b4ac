package engine

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hidden is what stands wherever a secret would.
const Hidden = "(sensitive)"

// MinSecret is the least length of a secret in bytes. A shorter one cannot be kept out of output: it
// would be found in words that have nothing to do with it.
const MinSecret = 6

// Secret is a text that no display, log or journal line may show. However it is printed or marshalled,
// it is Hidden; only Reveal gives it away.
type Secret struct{ text *string } // a pointer: fmt looks into unexported fields, but not behind pointers there

// NewSecret is the secret that text is.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Format prints Hidden, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, Hidden) }

// String returns Hidden.
func (s Secret) String() string { return Hidden }

// MarshalText returns Hidden.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// Veil hides secrets in text: the last line behind the types. It knows each secret as it stands, its
// lines, and its forms in JSON, URLs, hex and base64, also in the middle of a longer base64 text. The
// zero value and nil hide nothing.
type Veil struct {
	texts    []string
	forms    []string
	replacer *strings.Replacer
}

// Hide adds secrets. Those shorter than MinSecret are passed over.
func (v *Veil) Hide(secrets ...Secret) {
	for _, s := range secrets {
		text := s.Reveal()
		if len(text) < MinSecret || slices.Contains(v.texts, text) {
			continue
		}
		v.texts = append(v.texts, text)
		v.forms = append(v.forms, formsOf(text)...)
		if lines := strings.Split(text, "\n"); len(lines) > 1 {
			for _, line := range lines {
				v.forms = append(v.forms, formsOf(strings.TrimSpace(line))...)
			}
		}
	}
	slices.SortFunc(v.forms, func(a, b string) int { // of two at one place the longer is hidden
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	v.forms = slices.Compact(v.forms)
	var pairs []string
	for _, f := range v.forms {
		pairs = append(pairs, f, Hidden)
	}
	v.replacer = strings.NewReplacer(pairs...)
}

// Pack is what a run or a plan keeps, sealed, so that a later process hides the same; ok is false when there
// is nothing to hide.
func (v *Veil) Pack() (c Content, ok bool) {
	if v == nil || len(v.texts) == 0 {
		return Content{}, false
	}
	b, err := json.Marshal(v.texts)
	return Bytes(b).Secret(), err == nil
}

// Unpack hides what Pack has packed.
func (v *Veil) Unpack(packed []byte) error {
	var texts []string
	if err := json.Unmarshal(packed, &texts); err != nil {
		return fmt.Errorf("read which secrets a run has: %w", err)
	}
	for _, t := range texts {
		v.Hide(NewSecret(t))
	}
	return nil
}

// Text is s with every secret hidden.
func (v *Veil) Text(s string) string {
	if v == nil || v.replacer == nil {
		return s
	}
	return v.replacer.Replace(s)
}

// formsOf lists how a text may be met.
func formsOf(text string) []string {
	if len(text) < MinSecret {
		return nil
	}
	forms := []string{text, url.QueryEscape(text), url.PathEscape(text),
		hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text)))}
	quoted := []string{strconv.Quote(text), strconv.QuoteToASCII(text)}
	if b, err := json.Marshal(text); err == nil {
		quoted = append(quoted, string(b))
	}
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) == nil {
		quoted = append(quoted, strings.TrimSpace(plain.String()))
	}
	for _, q := range quoted {
		forms = append(forms, q[1:len(q)-1])
	}
	for before := range 3 {
		forms = append(forms, within64(text, before)...)
	}
	return slices.DeleteFunc(forms, func(f string) bool { return len(f) < MinSecret })
}

// within64 is what of a text's base64 does not depend on its neighbours, when as many bytes stand
// before it, modulo 3.
func within64(text string, before int) []string {
	padded := append(make([]byte, before), text...)
	from := (before*8 + 5) / 6
	to := len(padded) * 8 / 6
	var forms []string
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, e.EncodeToString(padded)[from:to])
	}
	return forms
}

// event is ev with the secrets hidden in whatever a check, a server or a node has said. A mark is none of these:
// a check goes by it, and would look elsewhere were a word of it changed.
func (v *Veil) event(ev Event) Event {
	if v == nil || v.replacer == nil {
		return ev
	}
	if ev.Op != nil {
		op := *ev.Op
		op.Text, op.Hint = v.Text(op.Text), v.Text(op.Hint)
		ev.Op = &op
	}
	if ev.Gate != nil {
		g := *ev.Gate
		g.Why = v.Text(g.Why)
		ev.Gate = &g
	}
	if ev.End != nil {
		end := *ev.End
		end.Why = v.Text(end.Why)
		ev.End = &end
	}
	return ev
}
