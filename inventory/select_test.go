package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/playbooks/lang"
)

const three = `
host "master1" { address = "10.0.0.1" }
host "master2" { address = "10.0.0.2" }
host "master3" { address = "10.0.0.3" }
host "worker10" { address = "10.0.0.4" }
group "control_plane" { hosts = ["master3", "master1", "master2"] }
group "odd" { hosts = ["master1", "master3"] }
`

func TestSelect(t *testing.T) {
	i := load(t, three)
	for pattern, want := range map[string]string{
		"master2":                       "master2",
		"control_plane":                 "master1 master2 master3",
		"all":                           "master1 master2 master3 worker10",
		"master*":                       "master1 master2 master3",
		"master[13]":                    "master1 master3",
		"master[1:2]":                   "master1 master2",
		"worker[01:12]":                 "worker10",
		"worker[001:120]":               "",
		"worker[1:12]":                  "worker10",
		"master3,master1":               "master1 master3",
		"master3:master1":               "master1 master3",
		" master1 , master2 ":           "master1 master2",
		"master1,master1":               "master1",
		"control_plane:!master3":        "master1 master2",
		"!master3,control_plane":        "master1 master2",
		"control_plane:&odd":            "master1 master3",
		"all:&control_plane:&odd":       "master1 master3",
		"control_plane:&odd:!master[1]": "master3",
		"odd,worker10":                  "master1 master3 worker10",
		"":                              "",
		" ":                             "",
		",":                             "",
		"!master1":                      "",
		"&odd":                          "",
		"master4":                       "",
		"master1,master4":               "",
		"master[":                       "",
		"[1:2":                          "",
		"odd:!odd":                      "",
		"master1:22":                    "",
		"Master1":                       "",
		"!":                             "",
		"al":                            "",
		"a*":                            "",
		"master[!13]":                   "master2",
		"master[^13]":                   "master2",
		"master?":                       "master1 master2 master3",
		"~master[12]":                   "master1 master2",
		"~master":                       "master1 master2 master3",
		"~aster":                        "",
		"~master1$":                     "master1",
		"~.*[02]$":                      "master2 worker10",
		"~odd|worker":                   "master1 master3 worker10",
		"~(?:master|worker)1":           "master1 worker10",
		"~master[[:digit:]]:!master2":   "master1 master3",
		"~mas{1,2}ter1,worker10":        "master1 worker10",
		"~master[],:1]":                 "master1",
		"all:!~worker":                  "master1 master2 master3",
		"all : & ~m.*[13] ":             "master1 master3",
		"~":                             "",
		"~.*":                           "",
		"~x|":                           "",
		"~master[":                      "",
		"~master(?=1)":                  "",
		"~worker9":                      "",
		"!~worker9,all":                 "",
		"all:!nobody":                   "",
		"all:&nobody":                   "",
		"all,nobody[1:3]":               "",
		"master[3:1]":                   "",
		"master[1:]":                    "",
		"master[:2]":                    "",
		"master[-1:2]":                  "",
		"master[1:9999999]":             "",
		"master[a:c]":                   "",
		"m*[1:3]":                       "",
		"[1:2][3:4]":                    "",
		"master[1:3:2]":                 "",
		"control_plane[0]":              "",
		"control_plane[0:1]":            "",
		"@nowhere":                      "",
	} {
		hosts, err := i.Select(pattern)
		var names []string
		for _, h := range hosts {
			names = append(names, h.Name)
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", pattern, got, err, want)
		}
	}
}

func TestSelectSays(t *testing.T) {
	i := load(t, three)
	for pattern, want := range map[string]string{
		"":             "all, control_plane, master1, master2, master3, odd, worker10",
		"mastr1":       `did you mean "master1"?`,
		"controlplane": `did you mean "control_plane"?`,
		"zzzzzz":       "there is: all,",
		"odd:!odd":     "leaves no host",
		"odd:!mastr2":  `did you mean "master2"?`,
		"a,b":          "pattern a,b: there is no host or group \"b\"",
		"odd[0]":       "hosts are not picked by their place in a group",
		"work*9":       `no host or group in ` + i.Path + ` matches "work*9"`,
		"master[3:1]":  `write [1:3]`,
		"master[1:]":   `write master[1:3]: two whole numbers`,
		"master[13":    `a bracket is not closed`,
		"~m(":          `missing closing )`,
		"~.*":          `write "all" if you mean every host`,
		"all,!":        `write "!master1" to leave master1 out`,
	} {
		_, err := i.Select(pattern)
		if _, ok := errors.AsType[*lang.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", pattern, err, want)
		}
	}
}

// TestLimitFile: patterns in a file, one a line, and where in it something is wrong.
func TestLimitFile(t *testing.T) {
	i := load(t, three)
	for text, want := range map[string]string{
		"master1\nworker10\n":                             "master1 worker10",
		"# tonight\n\n  odd   # the odd ones\r\n!master3": "master1",
		"master3, worker10\n&master*":                     "master3",
		"":                                                ":the pattern names nobody",
		"# nobody\n":                                      ":the pattern names nobody",
		"master1\n  odd, mastr2\n":                        ":2:8: there is no host or group \"mastr2\" in " + i.Path + "\n   2 |   odd, mastr2\n     |        ^^^^^^\n  did you mean \"master2\"?",
		"@other":                                          ":1:1: there is no host or group \"@other\"",
	} {
		path := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		hosts, err := i.Limit("@" + path)
		got := names(hosts)
		if err != nil {
			got = ":" + strings.TrimPrefix(strings.TrimPrefix(err.Error(), path+":"), " ")
		}
		if got != want && (want == "" || want[0] != ':' || !strings.HasPrefix(got, want)) {
			t.Errorf("%q:\n%s\nwant:\n%s", text, got, want)
		}
		if _, err := i.Select("@" + path); err == nil {
			t.Error("a playbook's hosts come from a file that only this machine has")
		}
	}
	for _, pattern := range []string{"", " ", "@", "@" + t.TempDir(), "@" + filepath.Join(t.TempDir(), "none")} {
		if hosts, err := i.Limit(pattern); err == nil {
			t.Errorf("%q: %v", pattern, names(hosts))
		}
	}
}

func names(hosts []Host) string {
	var all []string
	for _, h := range hosts {
		all = append(all, h.Name)
	}
	return strings.Join(all, " ")
}

// FuzzSelect holds what must hold for every pattern: an error or hosts, never both; none that is taken away;
// none more for a further condition.
func FuzzSelect(f *testing.F) {
	for _, seed := range []string{"master1", "all:!master2", "~master[12]", "!~w.*,all", "a\\,b", "~[]:]", "[!", "&", "master[001:3]", "~(a:b,c)", "@x", "*:&odd"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "hosts.hcl")
	if err := os.WriteFile(path, []byte(three), 0o600); err != nil {
		f.Fatal(err)
	}
	i, err := Load(path, env())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		hosts, err := i.Select(pattern)
		if (err == nil) != (len(hosts) > 0) {
			t.Fatalf("%q: %v, %v", pattern, hosts, err)
		}
		if err != nil {
			if _, ok := errors.AsType[*lang.Error](err); !ok || err.Error() == "" {
				t.Errorf("%q: %#v", pattern, err)
			}
			return
		}
		for _, more := range []string{"!master1,", "&odd,"} {
			fewer, err := i.Select(more + pattern)
			if err != nil {
				continue
			}
			for _, h := range fewer {
				if !slices.ContainsFunc(hosts, func(o Host) bool { return o.Name == h.Name }) || more[0] == '!' && h.Name == "master1" {
					t.Errorf("%q names %q, %q names %q", pattern, names(hosts), more+pattern, names(fewer))
				}
			}
		}
		if _, err := i.Select(pattern + ",!no-such-host"); err == nil && !strings.ContainsAny(pattern, "[~") {
			t.Errorf("%q and the exclusion of nobody: no error", pattern)
		}
	})
}
