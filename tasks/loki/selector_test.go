package loki

import "testing"

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		`{a="b"}`:                             `{a="b", node="m1"}`,
		` { a = "b" , c=~"x.*",d!='' } `:      "",
		" { a = \"b\" ,c=~`x\\d`, d!=\"\" } ": `{a="b", c=~"x\\d", d!="", node="m1"}`,
		`{a="}\""} |= "x{" | json | a > (1)`:  `{a="}\"", node="m1"} |= "x{" | json | a > (1)`,
		`{}`:                                  "",
		`{a="b"`:                              "",
		`{a="b" c="d"}`:                       "",
		`{a="b`:                               "",
		`{a=~"("}`:                            "",
		`{a="b"} |= "x`:                       "",
		`{a="b"} | x > (1`:                    "",
		`{a="b"} )`:                           "",
		`{a="\q"}`:                            "",
		`sum(rate({a="b"}[1m]))`:              "",
		``:                                    "",
	} {
		q, err := Parse(in)
		got := ""
		if err == nil {
			got = q.With(Matcher{"node", "=", "m1"}).String()
		}
		if got != want {
			t.Errorf("%s is %q (%v), not %q", in, got, err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		m     Matcher
		value string
		want  bool
	}{
		{Matcher{"a", "=", "b"}, "b", true}, {Matcher{"a", "=", "b"}, "bb", false}, {Matcher{"a", "!=", "b"}, "c", true},
		{Matcher{"a", "=~", "b|c"}, "c", true}, {Matcher{"a", "=~", "b|c"}, "cc", false}, {Matcher{"a", "!~", "b.*"}, "", true}, {Matcher{"a", "!~", "b.*"}, "bx", false},
	} {
		if got := test.m.Matches(test.value); got != test.want {
			t.Errorf("%s on %q is %v", test.m, test.value, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{a="b", c=~"x"} |= "y"`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(q.String())
		if err != nil || again.String() != q.String() {
			t.Errorf("%q became %q, which is %q, %v", text, q.String(), again.String(), err)
		}
	})
}
