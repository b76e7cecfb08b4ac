package sim

import (
	"strings"
	"testing"
)

const policyHead = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

func TestParsePolicy(t *testing.T) {
	for _, c := range []struct{ name, text, err, warning string }{
		{"good", goodPolicy, "", ""},
		{"not YAML", policyHead + "rules:\n- level: Metadata\n  verbs: [\"get\"\n", "failed decoding: yaml: line 5: did not find expected ',' or ']'", ""},
		{"level", policyHead + "rules:\n- level: Metadta\n", `rules[0].level: Unsupported value: "Metadta": supported values: "None", "Metadata", "Request", "RequestResponse"`, ""},
		{"no level", policyHead + "rules:\n- verbs: [get]\n", "rules[0].level: Required value", ""},
		{"no rules", policyHead, "loaded illegal policy with 0 rules", ""},
		{"empty rules", policyHead + "rules: []\n", "loaded illegal policy with 0 rules", ""},
		{"unknown field", policyHead + "rules:\n- level: Metadata\n  namespace: [x]\n", "", "falling back to lenient decoding: strict decoding error: unknown field"},
		{"old version", "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: None\n", `no kind "Policy" is registered for version "audit.k8s.io/v1beta1"`, ""},
		{"no kind", "rules: []\n", "Object 'Kind' is missing in", ""},
		{"type", policyHead + "rules:\n- level: None\n  verbs: get\n", "failed decoding: json: cannot unmarshal string", ""},
		{"stage", policyHead + "omitStages: [Received]\nrules:\n- level: None\n", `omitStages[0]: Invalid value: "Received": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic`, ""},
		{"url", policyHead + "rules:\n- level: None\n  nonResourceURLs: [healthz]\n", "must begin with a '/' character", ""},
		{"star", policyHead + "rules:\n- level: None\n  nonResourceURLs: [\"/a*b\"]\n", "must be the final character", ""},
		{"both", policyHead + "rules:\n- level: None\n  nonResourceURLs: [/a]\n  namespaces: [x]\n", "rules cannot apply to both regular resources and non-resource URLs", ""},
		{"group", policyHead + "rules:\n- level: None\n  resources: [{group: apps/v1}]\n", `rules[0].resources[0].group: Invalid value: "apps/v1"`, ""},
		{"names", policyHead + "rules:\n- level: None\n  resources: [{resourceNames: [x]}]\n", "using resourceNames requires at least one resource", ""},
		{"two errors", policyHead + "rules:\n- level: A\n- level: B\n", `"RequestResponse", rules[1].level`, ""},
	} {
		p, warning, err := parsePolicy([]byte(c.text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		equal(t, c.name+": error "+got, strings.Contains(got, c.err) && (c.err != "") == (err != nil), true)
		equal(t, c.name+": warning "+warning, strings.Contains(warning, c.warning) && (c.warning != "") == (warning != ""), true)
		equal(t, c.name+": policy", p != nil, err == nil)
	}
}

func TestPolicyLevel(t *testing.T) {
	p, _, err := parsePolicy([]byte(policyHead + `omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:kube-proxy"]}
- {level: None, nonResourceURLs: ["/healthz*", "/version"]}
- {level: Request, resources: [{group: "", resources: ["secrets"], resourceNames: ["one"]}]}
- {level: Metadata, resources: [{group: "", resources: ["secrets", "pods/exec"]}], omitStages: [Panic]}
- {level: RequestResponse, userGroups: ["admins"], verbs: [create], namespaces: [apps]}
- {level: Request, resources: [{group: rbac.authorization.k8s.io}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    request
		want string
	}{
		{request{user: "system:kube-proxy", isResource: true, resource: "secrets"}, "None"},
		{request{path: "/healthz/etcd"}, "None"},
		{request{path: "/version"}, "None"},
		{request{path: "/metrics"}, "None"},
		{request{isResource: true, resource: "secrets", name: "one"}, "Request"},
		{request{isResource: true, resource: "secrets", name: "two"}, "Metadata"},
		{request{isResource: true, resource: "pods", subres: "exec"}, "Metadata"},
		{request{isResource: true, resource: "pods"}, "None"},
		{request{isResource: true, resource: "secrets", group: "other"}, "None"},
		{request{isResource: true, resource: "pods", verb: "create", namespace: "apps", groups: []string{"admins"}}, "RequestResponse"},
		{request{isResource: true, resource: "pods", verb: "create", namespace: "other", groups: []string{"admins"}}, "None"},
		{request{isResource: true, resource: "roles", group: "rbac.authorization.k8s.io"}, "Request"},
	} {
		level, _ := p.level(&c.q)
		if level != c.want {
			t.Errorf("%+v: %s, want %s", c.q, level, c.want)
		}
	}
}

func TestParseFlags(t *testing.T) {
	for _, c := range []struct{ arg, err string }{
		{"--audit-log-maxage=14", ""},
		{"--audit-log-maxage=abc", `invalid argument "abc" for "--audit-log-maxage" flag: strconv.ParseInt: parsing "abc": invalid syntax`},
		{"--audit-log-maxage=-1", "--audit-log-maxage -1 can't be a negative number"},
		{"--profiling=maybe", `invalid argument "maybe" for "--profiling" flag`},
		{"--profiling", ""},
		{"--nothing=1", "unknown flag: --nothing"},
		{"-x", "unknown shorthand flag"},
		{"word", "unknown command"},
		{"--audit-log-path", "flag needs an argument: --audit-log-path"},
		{"--audit-log-mode=fast", "invalid audit log mode fast"},
	} {
		f, err := parseFlags([]string{"kube-apiserver", "--etcd-servers=x", "--service-account-issuer=x", c.arg})
		if err == nil {
			err = f.validate()
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		equal(t, c.arg+": "+got, strings.Contains(got, c.err) && (c.err == "") == (err == nil), true)
	}
}
