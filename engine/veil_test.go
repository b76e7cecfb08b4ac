package engine_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// TestSecretPrints: no verb and no encoding gives a secret away.
func TestSecretPrints(t *testing.T) {
	s := engine.NewSecret("hunter2-canary")
	inside := struct {
		S engine.Secret
		P *engine.Secret
		L []engine.Secret
		u engine.Secret
	}{s, &s, []engine.Secret{s}, s}
	j, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	all := string(j) + s.String()
	for _, verb := range strings.Split("%v %+v %#v %s %q %x %X %d %T %p %t %08b", " ") {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, inside) + fmt.Sprintf(verb, []any{s})
	}
	for _, form := range forms("hunter2-canary") {
		if strings.Contains(all, form) {
			t.Errorf("%q is in %s", form, all)
		}
	}
	if s.Reveal() != "hunter2-canary" {
		t.Error("it is not what it was")
	}
}

// forms is written without a look at how Veil does it.
func forms(s string) []string {
	j, _ := json.Marshal(s)
	return []string{s, url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))),
		strings.Trim(string(j), `"`), strings.Trim(strconv.Quote(s), `"`),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))}
}

// TestVeil: secrets with everything in them that an encoding changes are hidden in every form.
func TestVeil(t *testing.T) {
	for _, secret := range []string{"hunter2-canary", `pa"ss\wor<d>&+/ =`, "pässwörd\tübung", "123456", "line-one-of-it\nline-two-of-it\n"} {
		v := &engine.Veil{}
		v.Hide(engine.NewSecret(secret))
		for _, form := range forms(secret) {
			if got := v.Text("before " + form + " behind"); strings.Contains(got, form) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " behind") {
				t.Errorf("%q: %q", form, got)
			}
		}
		for before := range 7 {
			for behind := range 4 {
				long := strings.Repeat("x", before) + secret + strings.Repeat("y", behind)
				for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
					text := enc.EncodeToString([]byte(long))
					if back, err := enc.DecodeString(v.Text(text)); err == nil && strings.Contains(string(back), secret) {
						t.Errorf("%q is still in the base64 of %q", secret, long)
					}
				}
			}
		}
	}
	v := &engine.Veil{}
	v.Hide(engine.NewSecret("line-one-of-it\n  line-two-of-it"), engine.NewSecret("short"), engine.NewSecret(""))
	if got := v.Text("+  line-two-of-it\n-short"); got != "+  (sensitive)\n-short" {
		t.Errorf("%q", got)
	}
	if got := (&engine.Veil{}).Text("nothing"); got != "nothing" {
		t.Error(got)
	}
	if got := (*engine.Veil)(nil).Text("nothing"); got != "nothing" {
		t.Error(got)
	}
}
