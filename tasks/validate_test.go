package tasks

import (
	"fmt"
	"strings"
	"testing"
)

// goodPolicies are accepted.
func goodPolicies() map[string]string {
	return map[string]string{
		"the smallest": "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n",
		"everything": `# a comment
apiVersion: "audit.k8s.io/v1"
kind: Policy
metadata:
  name: audit
  creationTimestamp: null
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: ["system:kube-proxy"]
  userGroups: ["system:nodes"]
  verbs: [watch, "get"]
  resources:
  - group: ""
    resources: [endpoints, services/status, "*"]
    resourceNames: [a]
  - group: rbac.authorization.k8s.io
  - group: "*"
  namespaces: [kube-system, ""]
  omitManagedFields: false
- level: None
  nonResourceURLs: ["/healthz*", /version, "*", "/"]
- {level: Request, omitStages: [Panic, ResponseStarted, ResponseComplete]}
- level: RequestResponse
`,
		"anchors": "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- &r\n  level: Metadata\n  verbs: &v [get]\n- level: None\n  verbs: *v\n",
		"CRLF":    "apiVersion: audit.k8s.io/v1\r\nkind: Policy\r\nrules:\r\n- level: Metadata\r\n",
		"JSON":    `{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"Metadata"}]}`,
		"a BOM":   "\ufeffapiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n",
		"markers": "---\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n...\n",
		"null":    "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  users:\n",
	}
}

func TestGoodPolicies(t *testing.T) {
	for name, text := range goodPolicies() {
		if err := validate("audit-policy", "p.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rule is a policy whose line 4 begins a rule, with the lines of the rule.
func rule(lines string) string {
	return "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- " + strings.ReplaceAll(lines, "\n", "\n  ") + "\n"
}

func TestBadPolicies(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
	tests := map[string]struct {
		text  string
		words []string
	}{
		"empty":                  {"", []string{"p.yaml: it is empty"}},
		"only a comment":         {"# nothing\n", []string{"p.yaml: it is empty"}},
		"null":                   {"---\n", []string{"a map with apiVersion", "nothing"}},
		"a list":                 {"- a\n", []string{"p.yaml:1:", "this is a list", "   1 | - a"}},
		"a word":                 {"hello\n", []string{"p.yaml:1:", "this is a string"}},
		"a tab":                  {head + "rules:\n\t- level: None\n", []string{"p.yaml:4:", "cannot start any token", "   4 | \t- level: None"}},
		"not UTF-8":              {"a: \xff\n", []string{"not UTF-8"}},
		"two documents":          {rule("level: None") + "---\n" + rule("level: None"), []string{"p.yaml:5:", "second document"}},
		"no apiVersion":          {"kind: Policy\nrules:\n- level: None\n", []string{"p.yaml:1:", "apiVersion is missing"}},
		"no kind":                {"apiVersion: audit.k8s.io/v1\nrules:\n- level: None\n", []string{"kind is missing"}},
		"an old apiVersion":      {"apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: None\n", []string{"p.yaml:1:", `apiVersion is "audit.k8s.io/v1beta1"`, `"audit.k8s.io/v1"`}},
		"another kind":           {"apiVersion: audit.k8s.io/v1\nkind: Pod\nrules:\n- level: None\n", []string{"p.yaml:2:", `kind is "Pod"`}},
		"no rules":               {head, []string{"p.yaml:1:", "there are no rules"}},
		"empty rules":            {head + "rules: []\n", []string{"p.yaml:3:", "there are no rules"}},
		"null rules":             {head + "rules:\n", []string{"there are no rules"}},
		"rules that are a map":   {head + "rules:\n  level: None\n", []string{"p.yaml:4:", "rules must be a list"}},
		"an unknown field":       {rule("level: None") + "rule: 1\n", []string{"p.yaml:5:", "rule: there is no such field", `did you mean "rules"?`}},
		"metadata":               {head + "metadata: {nam: x}\nrules: [{level: None}]\n", []string{"p.yaml:3:", "metadata.nam", `did you mean "name"?`}},
		"namespace":              {rule("level: None\nnamespace: [kube-system]"), []string{"p.yaml:5:", "rules[0].namespace: there is no such field", `did you mean "namespaces"?`, "   5 |   namespace: [kube-system]"}},
		"another case":           {rule("level: None\nusergroups: [a]"), []string{"rules[0].usergroups", `did you mean "userGroups"?`}},
		"deep":                   {rule("level: None\nresources:\n- group: \"\"\n  resource: [pods]"), []string{"p.yaml:7:", "rules[0].resources[0].resource", `did you mean "resources"?`}},
		"no level":               {rule("users: [a]"), []string{"p.yaml:4:", "rules[0] has no level"}},
		"an empty rule":          {rule("{}"), []string{"p.yaml:4:", "rules[0] has no level"}},
		"a null rule":            {head + "rules:\n-\n", []string{"rules[0] must be a map, not nothing"}},
		"a null level":           {rule("level:"), []string{"rules[0] has no level"}},
		"a wrong level":          {rule("level: metadata"), []string{"p.yaml:4:", `rules[0].level is "metadata"`, `did you mean "Metadata"?`}},
		"a wrong stage":          {rule("level: None\nomitStages: [ResponseBegun]"), []string{"p.yaml:5:", "rules[0].omitStages[0]", `"Panic"`}},
		"a wrong stage above":    {rule("level: None") + "omitStages: [panic]\n", []string{"p.yaml:5:", "omitStages[0]", `did you mean "Panic"?`}},
		"a string for a list":    {rule("level: None\nusers: admin"), []string{"p.yaml:5:", "rules[0].users must be a list, not a string"}},
		"a number for a string":  {rule("level: None\nusers: [1000]"), []string{"rules[0].users[0] must be a string, not a number", `write "1000"`}},
		"yes for a string":       {rule("level: None\nverbs: [yes]"), []string{"rules[0].verbs[0] must be a string, not a boolean", `write "yes"`}},
		"a map for a string":     {rule("level: None\nverbs: [{a: b}]"), []string{"rules[0].verbs[0] must be a string, not a map"}},
		"a string for a boolean": {rule("level: None\nomitManagedFields: maybe"), []string{"omitManagedFields must be true or false"}},
		"resources as words":     {rule("level: None\nresources: [pods]"), []string{"p.yaml:5:", "rules[0].resources[0] must be a map, not a string"}},
		"resources and URLs":     {rule("level: None\nresources: [{group: \"\"}]\nnonResourceURLs: [/a]"), []string{"p.yaml:6:", "resources and nonResourceURLs"}},
		"namespaces and URLs":    {rule("level: None\nnamespaces: [a]\nnonResourceURLs: [/a]"), []string{"p.yaml:6:", "namespaces and nonResourceURLs"}},
		"a group's version":      {rule("level: None\nresources: [{group: apps/v1}]"), []string{"p.yaml:5:", `resources[0].group is "apps/v1"`, `write "apps"`}},
		"a group's name":         {rule("level: None\nresources: [{group: Apps}]"), []string{`group is "Apps"`, "DNS name"}},
		"names without":          {rule("level: None\nresources: [{group: \"\", resourceNames: [a]}]"), []string{"resourceNames without resources"}},
		"a URL without slash":    {rule("level: None\nnonResourceURLs: [healthz]"), []string{"p.yaml:5:", `"healthz"`, `begins with "/"`}},
		"an empty URL":           {rule("level: None\nnonResourceURLs: [\"\"]"), []string{`begins with "/"`}},
		"a star inside":          {rule("level: None\nnonResourceURLs: [\"/a/*/b\"]"), []string{`"/a/*/b"`, "last character"}},
		"a key twice":            {rule("level: None\nusers: [a]\nlevel: Metadata"), []string{"p.yaml:6:", `"level" is there twice, first in line 4`}},
		"a merge key":            {head + "rules:\n- &a {level: None}\n- <<: *a\n", []string{"p.yaml:5:", "merge"}},
		"an unknown anchor":      {rule("level: *x"), []string{"unknown anchor"}},
		"several faults":         {rule("lvl: None\nnamespace: [a]"), []string{"p.yaml:4: rules[0].lvl", "p.yaml:4: rules[0] has no level", "p.yaml:5: rules[0].namespace"}},
		"an alias bomb":          {bomb(), []string{"aliases", "200000"}},
		"an anchor in itself":    {"a: &a [*a]\n", []string{"nested"}},
		"nesting":                {"a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"nested more than 64"}},
		"control characters":     {rule("level: \"x\u202ey\"\nusers: 1"), []string{"p.yaml:4:", "x\ufffdy"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, validate("audit-policy", "p.yaml", []byte(tt.text)), 0, tt.words...)
		})
	}
}

func bomb() string {
	var b strings.Builder
	b.WriteString("k0: &a0 [x]\n")
	for i := range 30 {
		fmt.Fprintf(&b, "k%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func TestManyFaultsAreCutShort(t *testing.T) {
	err := validate("audit-policy", "p.yaml", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"+strings.Repeat("- level: x\n", 100)))
	wantProblem(t, err, 0, "and 80 more")
	if n := strings.Count(err.Error(), "\n"); n > 2*maxFindings {
		t.Errorf("%d lines", n)
	}
}

func TestYAMLAndJSON(t *testing.T) {
	tests := map[string]struct {
		validator, text string
		words           []string // none: it is valid
	}{
		"yaml":                 {"yaml", "a: 1\nb: [x, {y: z}]\n", nil},
		"yaml, two documents":  {"yaml", "a: 1\n---\nb: 2\n", nil},
		"yaml, empty":          {"yaml", "", []string{"empty"}},
		"yaml, a tab":          {"yaml", "a:\n\tb: 1\n", []string{"f:2:", "cannot start"}},
		"yaml, a key twice":    {"yaml", "a: 1\nb: 2\na: 3\n", []string{"f:3:", `"a" is there twice, first in line 1`}},
		"yaml, second broken":  {"yaml", "a: 1\n---\nb: [\n", []string{"f:"}},
		"yaml, second twice":   {"yaml", "a: 1\n---\nb: 1\nb: 2\n", []string{"f:4:", "twice"}},
		"yaml, a bomb":         {"yaml", bomb(), []string{"aliases"}},
		"json":                 {"json", "{\"a\": [1, {\"b\": null, \"c\": \"a\"}], \"c\": {}}\n", nil},
		"json, same elsewhere": {"json", `{"a": {"a": "a"}, "b": ["a", "a"], "c": [{"a": 1}, {"a": 2}]}`, nil},
		"json, a comma":        {"json", "{\n\"a\": 1,\n}", []string{"f:3:", "   3 | }"}},
		"json, two values":     {"json", "{}\n{}", []string{"f:2:"}},
		"json, empty":          {"json", "", []string{"unexpected end"}},
		"json, cut":            {"json", "{\n\"a\": ", []string{"f:2:"}},
		"json, a key twice":    {"json", "{\"a\": 1,\n\"b\": {\"x\": 1, \"x\": 2}}", []string{"f:2:", `"x" is there twice`}},
		"json, deep":           {"json", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), []string{"depth"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := validate(tt.validator, "f", []byte(tt.text))
			if len(tt.words) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, err, 0, tt.words...)
		})
	}
}

func FuzzValidate(f *testing.F) {
	for _, text := range goodPolicies() {
		f.Add(text)
	}
	f.Add(bomb())
	f.Fuzz(func(_ *testing.T, text string) {
		for _, v := range validators() {
			_ = validate(v, "f", []byte(text)) // whatever is written, it must not panic or hang
		}
	})
}
