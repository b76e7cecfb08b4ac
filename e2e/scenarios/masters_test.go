package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// threeMasters changes one master after the other: the guards hold the second, only what is overridden opens them, and
// the others' API servers are really asked.
func threeMasters(b *bench) {
	apply := func(want int, node string, overrides ...string) string {
		args := []string{"apply", b.book, "-i", b.dir + "/hosts.hcl", "--limit", node, "--yes", "--reason", "a test has no evenings"}
		for _, o := range overrides {
			args = append(args, "--override", o)
		}
		return b.hcrun(want, args...)
	}
	opened := []string{"window", "soak", "per-day", "clean"}[:4:4]
	began := time.Now()
	apply(0, "master1", "window")
	b.Logf("master1: %.0f s", time.Since(began).Seconds()*b.pace())
	if out := apply(10, "master2", "window"); !strings.Contains(out, "soak") {
		b.Errorf("master2 is not held for its soak:\n%s", out)
	}
	b.must(b.cut("master3"))
	if out := apply(10, "master2", opened...); !strings.Contains(out, "peers: master3 does not say") {
		b.Errorf("master2 is not held because nobody knows what was done to master3:\n%s", out)
	}
	if out := apply(10, "master2", append(opened, "peers")...); !strings.Contains(out, "peers_ready") || !strings.Contains(out, "master3") {
		b.Errorf("master2 is not held because master3 does not answer:\n%s", out)
	}
	b.must(b.mend("master3"))
	for _, node := range []string{"master2", "master3"} {
		began = time.Now()
		out := apply(0, node, opened...)
		b.Logf("%s: %.0f s", node, time.Since(began).Seconds()*b.pace())
		for _, peer := range []string{"master1", "master2", "master3"} {
			if asked := strings.Contains(out, peer+" ok, after the change"); asked != (peer != node) {
				b.Errorf("%s was asked after the change of %s: %t\n%s", peer, node, asked, out)
			}
		}
	}
	shown := b.hcrun(0, "history")
	if strings.Count(shown, "landed, eventful, guard overridden") < 2 {
		b.Errorf("the overrides are not on record:\n%s", shown)
	}
	if r, ok := b.bed.(*real); ok {
		for _, n := range r.masters {
			b.audited(r, n.Name)
		}
	}
}

// event is the part of an audit event that an operator wants.
type event struct {
	Level, Verb    string
	StageTimestamp time.Time
	ObjectRef      struct{ Resource, Name, Namespace string }
	User           struct{ Username string }
	Annotations    map[string]string
	RequestObject  json.RawMessage
}

// audited does on one API server what an operator looks for later, and finds it in Loki: by the node, and at the events'
// own times.
func (b *bench) audited(r *real, node string) {
	b.Helper()
	admin, err := r.lab.Administrator("auditor-" + node)
	b.must(err)
	space, canary := "space-"+node, "c4nary-"+node
	post := func(path, body string) int {
		resp, err := admin.Post("https://"+r.node(node).IP+":6443"+path, "application/json", bytes.NewReader([]byte(body)))
		b.must(err)
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	created := func(path, body string) {
		b.Helper()
		code := 0
		b.until("POST "+path+" answers 201", 30*time.Second, func() bool { code = post(path, body); return code == http.StatusCreated })
	}
	began := time.Now()
	created("/api/v1/namespaces", fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"pod-security.kubernetes.io/audit":"restricted"}}}`, space))
	created("/api/v1/namespaces/"+space+"/serviceaccounts", `{"metadata":{"name":"default"}}`)
	created("/api/v1/namespaces/"+space+"/pods?dryRun=All", `{"metadata":{"name":"root"},"spec":{"containers":[{"name":"c","image":"i","securityContext":{"privileged":true}}]}}`)
	created("/apis/rbac.authorization.k8s.io/v1/clusterroles", fmt.Sprintf(`{"metadata":{"name":%q},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`, space))
	created("/api/v1/namespaces/"+space+"/secrets", fmt.Sprintf(`{"metadata":{"name":"s"},"stringData":{"k":%q}}`, canary))
	var events []event
	find := func(resource, level string) *event {
		i := slices.IndexFunc(events, func(e event) bool { return e.Verb == "create" && e.ObjectRef.Resource == resource && e.Level == level })
		if i < 0 {
			return nil
		}
		return &events[i]
	}
	b.until("the events of "+node+" are in Loki", 30*time.Second, func() bool {
		events = b.inLoki(r, node, "auditor-"+node, began)
		return find("namespaces", "RequestResponse") != nil && find("clusterroles", "RequestResponse") != nil && find("secrets", "Metadata") != nil &&
			slices.ContainsFunc(events, func(e event) bool {
				return e.ObjectRef.Resource == "pods" && e.Annotations["pod-security.kubernetes.io/audit-violations"] != ""
			})
	})
	if e := find("clusterroles", "RequestResponse"); !strings.Contains(string(e.RequestObject), `"verbs"`) {
		b.Errorf("%s: the event of an RBAC change has no body: %s", node, e.RequestObject)
	}
	if e := find("secrets", "Metadata"); len(e.RequestObject) != 0 {
		b.Errorf("%s: the event of a secret has a body", node)
	}
	log := b.on(node, "cat "+auditLog)
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
		if strings.Contains(log, form) {
			b.Errorf("%s: the audit log has a secret's value", node)
		}
	}
	for _, other := range r.masters {
		if other.Name != node && len(b.inLoki(r, other.Name, "auditor-"+node, began)) > 0 {
			b.Errorf("events of %s are in Loki as those of %s", node, other.Name)
		}
	}
}

// inLoki are the events of a user that Loki has for a node since a time; each has to stand there at its own time.
func (b *bench) inLoki(r *real, node, user string, since time.Time) []event {
	b.Helper()
	q := url.Values{"query": {fmt.Sprintf(`{app="kube-apiserver-audit", node=%q} |= %q`, node, user)}, "start": {fmt.Sprint(since.UnixNano())}, "limit": {"1000"}}
	req, err := http.NewRequest("GET", "http://"+r.loki.address+"/loki/api/v1/query_range?"+q.Encode(), nil)
	b.must(err)
	req.Header.Set("X-Scope-OrgID", r.masters[0].Tenant)
	resp, err := r.lab.Client().Do(req)
	b.must(err)
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]string }
		}
	}
	b.must(json.NewDecoder(resp.Body).Decode(&answer))
	var events []event
	for _, stream := range answer.Data.Result {
		for _, v := range stream.Values {
			var e event
			b.must(json.Unmarshal([]byte(v[1]), &e))
			if fmt.Sprint(e.StageTimestamp.UnixNano()) != v[0] {
				b.Errorf("an event of %s stands at %s in Loki", e.StageTimestamp, v[0])
			}
			if e.User.Username == user {
				events = append(events, e)
			}
		}
	}
	return events
}
