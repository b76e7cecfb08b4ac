package tasks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// auditPolicy checks a Kubernetes audit policy more strictly than the API server does. The API server
// only warns of a field that it does not know, and then a rule with "namespace" for "namespaces"
// matches everything; and it does not start at all with a policy that has no rules.
func (f *findings) auditPolicy() {
	docs := f.documents()
	switch {
	case len(f.all) > 0:
		return
	case len(docs) == 0:
		f.add(0, "it is empty; an audit policy is expected")
		return
	case len(docs) > 1:
		f.add(docs[1].Line, "a second document begins here; the API server reads only the first")
		return
	}
	root := resolve(docs[0].Content[0])
	if root.Kind != yaml.MappingNode {
		f.add(root.Line, "an audit policy is expected, a map with apiVersion, kind and rules; this is %s", kindOf(root))
		return
	}
	p := policy{f}
	p.fields(root, "", map[string]check{
		"apiVersion":        p.exactly("audit.k8s.io/v1"),
		"kind":              p.exactly("Policy"),
		"metadata":          p.metadata,
		"omitStages":        p.each(p.oneOf(stages())),
		"omitManagedFields": p.boolean,
		"rules":             p.each(p.rule),
	})
	for _, needed := range []string{"apiVersion", "kind"} {
		if child(root, needed) == nil {
			f.add(root.Line, "%s is missing", needed)
		}
	}
	if rules := child(root, "rules"); rules == nil || isNull(rules) || rules.Kind == yaml.SequenceNode && len(rules.Content) == 0 {
		line := root.Line
		if rules != nil {
			line = rules.Line
		}
		f.add(line, "there are no rules; the API server does not start with such a policy")
	}
	f.judge(new(auditPolicyV1))
}

func levels() []string { return []string{"None", "Metadata", "Request", "RequestResponse"} }

func stages() []string {
	return []string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}
}

// auditPolicyV1 is audit.k8s.io/v1 Policy, for the decoder that has the last word.
type auditPolicyV1 struct {
	APIVersion        string         `json:"apiVersion"`
	Kind              string         `json:"kind"`
	Metadata          map[string]any `json:"metadata"`
	OmitStages        []string       `json:"omitStages"`
	OmitManagedFields bool           `json:"omitManagedFields"`
	Rules             []auditRuleV1  `json:"rules"`
}

type auditRuleV1 struct {
	Level      string   `json:"level"`
	Users      []string `json:"users"`
	UserGroups []string `json:"userGroups"`
	Verbs      []string `json:"verbs"`
	Resources  []struct {
		Group         string   `json:"group"`
		Resources     []string `json:"resources"`
		ResourceNames []string `json:"resourceNames"`
	} `json:"resources"`
	Namespaces        []string `json:"namespaces"`
	NonResourceURLs   []string `json:"nonResourceURLs"`
	OmitStages        []string `json:"omitStages"`
	OmitManagedFields *bool    `json:"omitManagedFields"`
}

// check checks one value; path is where it is, such as "rules[3].level".
type check func(n *yaml.Node, path string)

// policy is the checks of an audit policy.
type policy struct{ *findings }

// fields checks a map's values by their keys; other keys are faults.
func (p policy) fields(n *yaml.Node, path string, known map[string]check) {
	if n.Kind != yaml.MappingNode {
		p.add(n.Line, "%s must be a map, not %s", path, kindOf(n))
		return
	}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		c, ok := known[key.Value]
		switch {
		case key.Tag == "!!merge":
			p.add(key.Line, "%s: merge keys are not resolved by everything that reads a policy; write the fields out", at)
		case !ok:
			p.add(key.Line, "%s: there is no such field%s", at, didYouMean(key.Value, names))
		case !isNull(value): // the API server takes null for a field that is not there
			c(value, at)
		}
	}
}

// each checks the items of a list.
func (p policy) each(item check) check {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			p.add(n.Line, "%s must be a list, not %s", path, kindOf(n))
			return
		}
		for i, c := range n.Content {
			item(resolve(c), fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

// yaml11 are the words that the API server's YAML takes for true and false when they are not quoted.
var yaml11 = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$`)

// text is a string's value; ok is false, and there is a finding, when n is something else.
func (p policy) text(n *yaml.Node, path string) (s string, ok bool) {
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || plain && yaml11.MatchString(n.Value) {
		what := kindOf(n)
		if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
			what = "a boolean, as Kubernetes reads it"
		}
		hint := ""
		if n.Kind == yaml.ScalarNode && !isNull(n) {
			hint = fmt.Sprintf("; write %q", n.Value)
		}
		p.add(n.Line, "%s must be a string, not %s%s", path, what, hint)
		return "", false
	}
	return n.Value, true
}

func (p policy) str(n *yaml.Node, path string) { p.text(n, path) }

func (p policy) boolean(n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" && !yaml11.MatchString(n.Value) {
		p.add(n.Line, "%s must be true or false, not %s", path, kindOf(n))
	}
}

func (p policy) exactly(want string) check {
	return func(n *yaml.Node, path string) {
		if s, ok := p.text(n, path); ok && s != want {
			p.add(n.Line, "%s is %q; an audit policy has %q", path, s, want)
		}
	}
}

func (p policy) oneOf(words []string) check {
	return func(n *yaml.Node, path string) {
		if s, ok := p.text(n, path); ok && !slices.Contains(words, s) {
			p.add(n.Line, "%s is %q; it must be one of %s%s", path, s, quoted(words), didYouMean(s, words))
		}
	}
}

func (p policy) metadata(n *yaml.Node, path string) {
	known := map[string]check{}
	for _, name := range strings.Fields("name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields") {
		known[name] = func(*yaml.Node, string) {}
	}
	p.fields(n, path, known)
}

func (p policy) rule(n *yaml.Node, path string) {
	strs := p.each(p.str)
	p.fields(n, path, map[string]check{
		"level": p.oneOf(levels()), "users": strs, "userGroups": strs, "verbs": strs, "namespaces": strs,
		"resources": p.each(p.resources), "nonResourceURLs": p.each(p.url),
		"omitStages": p.each(p.oneOf(stages())), "omitManagedFields": p.boolean,
	})
	if n.Kind != yaml.MappingNode {
		return
	}
	if level := child(n, "level"); level == nil || isNull(level) {
		p.add(n.Line, "%s has no level; it must be one of %s", path, quoted(levels()))
	}
	if !filled(n, "nonResourceURLs") {
		return
	}
	for _, other := range []string{"resources", "namespaces"} {
		if filled(n, other) {
			p.add(child(n, "nonResourceURLs").Line, "%s has %s and nonResourceURLs; a rule is about one or the other, so make it two", path, other)
		}
	}
}

// apiGroup is the DNS name of an API group.
var apiGroup = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// resources checks one group and the resources of it.
func (p policy) resources(n *yaml.Node, path string) {
	strs := p.each(p.str)
	p.fields(n, path, map[string]check{"group": p.group, "resources": strs, "resourceNames": strs})
	if n.Kind == yaml.MappingNode && filled(n, "resourceNames") && !filled(n, "resources") {
		p.add(child(n, "resourceNames").Line, "%s has resourceNames without resources; say of what they are the names", path)
	}
}

func (p policy) group(n *yaml.Node, path string) {
	s, ok := p.text(n, path)
	switch {
	case !ok || s == "" || s == "*":
	case strings.Contains(s, "/"):
		name, _, _ := strings.Cut(s, "/")
		p.add(n.Line, "%s is %q; a group has no version, so write %q", path, s, name)
	case len(s) > 253 || !apiGroup.MatchString(s):
		p.add(n.Line, `%s is %q; a group is a DNS name such as "rbac.authorization.k8s.io", "" for the core group or "*"`, path, s)
	}
}

func (p policy) url(n *yaml.Node, path string) {
	s, ok := p.text(n, path)
	switch {
	case !ok || s == "*":
	case !strings.HasPrefix(s, "/"):
		p.add(n.Line, `%s is %q; a URL path begins with "/", or is "*"`, path, s)
	case strings.Contains(s[:len(s)-1], "*"):
		p.add(n.Line, `%s is %q; a "*" can only be its last character`, path, s)
	}
}
