package playbooks

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
	"github.com/hcrun/hcrun/tasks"
)

// TestKinds: the struct of every kind can be filled from a block, and keeps off what every task has.
func TestKinds(t *testing.T) {
	for _, k := range tasks.All() {
		ty := reflect.TypeOf(k.New()).Elem()
		if err := lang.CheckType(ty); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		for i := range ty.NumField() {
			name, _, _ := strings.Cut(ty.Field(i).Tag.Get("hcl"), ",")
			if slices.Contains(CommonAttributes(), name) {
				t.Errorf("%s: %s belongs to every task", k.Name, name)
			}
		}
	}
}

// TestKindsWithNothing: an empty block of every kind is met with findings, or taken, but never a panic.
func TestKindsWithNothing(t *testing.T) {
	for _, k := range tasks.All() {
		path := write(t, "p.hcl", "playbook \"p\" { hosts = \"all\" }\ntask \""+k.Name+"\" \"x\" {\n}\n")
		_, err := Load(path, Options{Kinds: tasks.All()})
		if _, ok := errors.AsType[*lang.Error](err); err != nil && !ok {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

// same is a playbook as JSON without its inputs, to compare by.
func same(t *testing.T, pb *engine.Playbook) string {
	t.Helper()
	bare := *pb
	bare.Inputs = nil
	b, err := json.MarshalIndent(bare, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func digest(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return hashOf(b)
}

// TestAudit5P: the HCL playbook and its Go twin are the same playbook, with and without variables.
func TestAudit5P(t *testing.T) {
	sum := digest(t, "files/audit-policy.yaml")
	for _, c := range []struct {
		o    Options
		vars Audit5PVars
	}{
		{Options{}, Audit5PVars{PolicySHA256: sum}},
		{
			Options{Vars: []string{"retention_days=7", "max_backups=2", "max_size_mib=100", `loki_selector={job="audit"}`}, Env: env("LOKI_ADDR", "https://loki.example.org")},
			Audit5PVars{RetentionDays: 7, MaxBackups: 2, MaxSizeMiB: 100, LokiURL: "https://loki.example.org", LokiSelector: `{job="audit"}`, PolicySHA256: sum},
		},
	} {
		c.o.Kinds = tasks.All()
		pb, err := load(t, "audit-5p.hcl", c.o).For(Node{Name: "master2", Groups: []string{"control_plane"}})
		if err != nil {
			t.Fatal(err)
		}
		twin := Audit5P(c.vars)
		if got, want := same(t, pb), same(t, twin); got != want {
			t.Errorf("HCL:\n%s\nGo:\n%s", got, want)
		}
		if err := twin.Prepare(os.DirFS(".")); err != nil {
			t.Errorf("the twin does not prepare: %v", err)
		}
		if _, ok := pb.Inputs["file files/audit-policy.yaml"]; !ok {
			t.Errorf("the policy is no input: %v", pb.Inputs)
		}
	}
}

func TestAudit5PRefusesItsVariables(t *testing.T) {
	for _, arg := range []string{"retention_days=0", "max_backups=0", "max_size_mib=1.5", "retention_days=x", "retention=3"} {
		if _, err := Load("audit-5p.hcl", Options{Kinds: tasks.All(), Vars: []string{arg}}); err == nil {
			t.Errorf("-e %s was taken", arg)
		}
	}
}

// TestAuditPolicy: what the operator wants to see is logged, at the level that was asked for, and no
// body of a secret.
func TestAuditPolicy(t *testing.T) {
	b, err := os.ReadFile("files/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p policy
	if err := yaml.UnmarshalStrict(b, &p); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.OmitStages, []string{"RequestReceived"}) {
		t.Error(p.OmitStages)
	}
	for _, c := range []struct {
		user, verb, group, resource, url, want string
		groups                                 []string
	}{
		{user: "alice", verb: "create", resource: "pods", want: "Metadata"},
		{user: "alice", verb: "create", resource: "pods/exec", want: "Metadata"},
		{user: "alice", verb: "create", group: "apps", resource: "deployments", want: "Metadata"},
		{user: "system:serviceaccount:kube-system:job-controller", groups: []string{"system:serviceaccounts:kube-system"}, verb: "create", resource: "pods", want: "Metadata"},
		{user: "alice", verb: "create", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", want: "RequestResponse"},
		{user: "alice", verb: "get", group: "rbac.authorization.k8s.io", resource: "roles", want: "Metadata"},
		{user: "alice", verb: "delete", resource: "namespaces", want: "RequestResponse"},
		{user: "alice", verb: "patch", resource: "namespaces", want: "RequestResponse"},
		{user: "alice", verb: "get", resource: "secrets", want: "Metadata"},
		{user: "system:node:master1", groups: []string{"system:nodes"}, verb: "watch", resource: "secrets", want: "Metadata"},
		{user: "alice", verb: "update", resource: "configmaps", want: "Metadata"},
		{user: "alice", verb: "create", resource: "serviceaccounts/token", want: "Metadata"},
		{user: "x", verb: "create", group: "authentication.k8s.io", resource: "tokenreviews", want: "Metadata"},
		{user: "kube-probe", verb: "get", url: "/readyz", want: "None"},
		{user: "kube-probe", verb: "get", url: "/livez/ping", want: "None"},
		{user: "alice", verb: "get", url: "/logs/x", want: "Metadata"},
		{user: "system:node:master1", groups: []string{"system:nodes"}, verb: "update", group: "coordination.k8s.io", resource: "leases", want: "None"},
		{user: "system:apiserver", verb: "update", group: "coordination.k8s.io", resource: "leases", want: "None"},
		{user: "alice", verb: "delete", group: "coordination.k8s.io", resource: "leases", want: "Metadata"},
		{user: "alice", verb: "create", resource: "events", want: "None"},
		{user: "system:kube-scheduler", verb: "watch", resource: "pods", want: "None"},
		{user: "alice", verb: "watch", resource: "pods", want: "Metadata"},
		{user: "system:node:master1", groups: []string{"system:nodes"}, verb: "get", resource: "nodes", want: "None"},
		{user: "system:node:master1", groups: []string{"system:nodes"}, verb: "patch", resource: "nodes/status", want: "Metadata"},
	} {
		if got := p.level(c.user, c.groups, c.verb, c.group, c.resource, c.url); got != c.want {
			t.Errorf("%s %s %s/%s %s: %s; want %s", c.user, c.verb, c.group, c.resource, c.url, got, c.want)
		}
	}
}

// policy is an audit policy as the API server reads one.
type policy struct {
	APIVersion        string   `json:"apiVersion"`
	Kind              string   `json:"kind"`
	OmitStages        []string `json:"omitStages"`
	OmitManagedFields bool     `json:"omitManagedFields"`
	Rules             []struct {
		Level           string   `json:"level"`
		Users           []string `json:"users"`
		UserGroups      []string `json:"userGroups"`
		Verbs           []string `json:"verbs"`
		NonResourceURLs []string `json:"nonResourceURLs"`
		Resources       []struct {
			Group     string   `json:"group"`
			Resources []string `json:"resources"`
		} `json:"resources"`
	} `json:"rules"`
}

// level is the level of the first rule that matches: the API server's matching, for what is used here.
func (p policy) level(user string, groups []string, verb, group, resource, url string) string {
	for _, r := range p.Rules {
		switch {
		case len(r.Users) > 0 && !slices.Contains(r.Users, user),
			len(r.UserGroups) > 0 && !slices.ContainsFunc(r.UserGroups, func(g string) bool { return slices.Contains(groups, g) }),
			len(r.Verbs) > 0 && !slices.Contains(r.Verbs, verb),
			len(r.NonResourceURLs) > 0 && !slices.ContainsFunc(r.NonResourceURLs, func(u string) bool {
				return u == url || u[len(u)-1] == '*' && len(url) >= len(u)-1 && url[:len(u)-1] == u[:len(u)-1]
			}):
			continue
		}
		if len(r.Resources) == 0 {
			return r.Level
		}
		for _, g := range r.Resources {
			if url == "" && g.Group == group && slices.Contains(g.Resources, resource) {
				return r.Level
			}
		}
	}
	return "None"
}
