package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// auditPolicy is an audit.k8s.io/v1 Policy.
type auditPolicy struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Rules      []auditRule `json:"rules"`
	OmitStages []string    `json:"omitStages"`
}

type auditRule struct {
	Level           string          `json:"level"`
	Users           []string        `json:"users"`
	UserGroups      []string        `json:"userGroups"`
	Verbs           []string        `json:"verbs"`
	Resources       []auditResource `json:"resources"`
	Namespaces      []string        `json:"namespaces"`
	NonResourceURLs []string        `json:"nonResourceURLs"`
	OmitStages      []string        `json:"omitStages"`
	OmitManaged     *bool           `json:"omitManagedFields"`
}

type auditResource struct {
	Group         string   `json:"group"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames"`
}

func auditLevels() []string { return []string{"None", "Metadata", "Request", "RequestResponse"} }
func auditStages() []string {
	return []string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}
}

// parsePolicy reads a policy as the API server does: leniently. What is unknown in it comes back as a
// warning; bad YAML, bad levels and no rules are errors, in the API server's words.
func parsePolicy(b []byte) (p *auditPolicy, warning string, err error) {
	doc, err := yaml.YAMLToJSON(b)
	if err != nil {
		return nil, "", fmt.Errorf("failed decoding: %w", err)
	}
	p = &auditPolicy{}
	if err := json.Unmarshal(doc, p); err != nil {
		return nil, "", fmt.Errorf("failed decoding: %w", err)
	}
	switch {
	case p.Kind == "":
		return nil, "", fmt.Errorf("failed decoding: Object 'Kind' is missing in '%s'", doc)
	case p.APIVersion != "audit.k8s.io/v1" || p.Kind != "Policy":
		return nil, "", fmt.Errorf(`failed decoding: no kind %q is registered for version %q in scheme "k8s.io/apiserver/pkg/audit/scheme.go:30"`, p.Kind, p.APIVersion)
	}
	var strict struct {
		auditPolicy
		Metadata          any  `json:"metadata"`
		OmitManagedFields bool `json:"omitManagedFields"`
	}
	if err := yaml.UnmarshalStrict(b, &strict); err != nil {
		warning = "Audit policy contains errors, falling back to lenient decoding: strict decoding error: " +
			strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "), "while decoding JSON: json: ")
	}
	if err := p.validate(); err != nil {
		return nil, "", err
	}
	if len(p.Rules) == 0 {
		return nil, "", errors.New("loaded illegal policy with 0 rules")
	}
	return p, warning, nil
}

func (p *auditPolicy) validate() error {
	found := badStages("omitStages", p.OmitStages)
	for i, r := range p.Rules {
		found = append(found, r.validate(fmt.Sprintf("rules[%d]", i))...)
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return errors.New(found[0])
	}
	return errors.New("[" + strings.Join(found, ", ") + "]")
}

func (r *auditRule) validate(at string) (found []string) {
	switch {
	case r.Level == "":
		found = append(found, at+".level: Required value")
	case !slices.Contains(auditLevels(), r.Level):
		found = append(found, fmt.Sprintf(`%s.level: Unsupported value: %q: supported values: "%s"`, at, r.Level, strings.Join(auditLevels(), `", "`)))
	}
	for i, u := range r.NonResourceURLs {
		switch {
		case u == "*":
		case !strings.HasPrefix(u, "/"):
			found = append(found, fmt.Sprintf("%s.nonResourceURLs[%d]: Invalid value: %q: non-resource URL rules must begin with a '/' character", at, i, u))
		case strings.ContainsRune(u[:len(u)-1], '*'):
			found = append(found, fmt.Sprintf("%s.nonResourceURLs[%d]: Invalid value: %q: non-resource URL wildcards '*' must be the final character of the rule", at, i, u))
		}
	}
	for i, g := range r.Resources {
		if strings.ContainsRune(g.Group, '/') {
			found = append(found, fmt.Sprintf("%s.resources[%d].group: Invalid value: %q: must not contain '/': a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'", at, i, g.Group))
		}
		if len(g.ResourceNames) > 0 && len(g.Resources) == 0 {
			found = append(found, fmt.Sprintf("%s.resources[%d].resourceNames: Invalid value: %q: using resourceNames requires at least one resource", at, i, g.ResourceNames))
		}
	}
	if len(r.NonResourceURLs) > 0 && len(r.Resources)+len(r.Namespaces) > 0 {
		found = append(found, fmt.Sprintf("%s.nonResourceURLs: Invalid value: %q: rules cannot apply to both regular resources and non-resource URLs", at, r.NonResourceURLs))
	}
	return append(found, badStages(at+".omitStages", r.OmitStages)...)
}

func badStages(at string, stages []string) (found []string) {
	for i, s := range stages {
		if !slices.Contains(auditStages(), s) {
			found = append(found, fmt.Sprintf("%s[%d]: Invalid value: %q: allowed stages are %s", at, i, s, strings.Join(auditStages(), ",")))
		}
	}
	return found
}

// request is what the audit policy decides on.
type request struct {
	user                             string
	groups                           []string
	verb, path, uri                  string
	isResource                       bool
	group, version, resource, subres string
	namespace, name                  string
	agent                            string
	annotations                      map[string]string
	code                             int
	object                           any
}

// level is the level of the first rule that matches, and the stages that are not written.
func (p *auditPolicy) level(r *request) (level string, omit []string) {
	for i := range p.Rules {
		if p.Rules[i].matches(r) {
			return p.Rules[i].Level, append(slices.Clone(p.OmitStages), p.Rules[i].OmitStages...)
		}
	}
	return "None", p.OmitStages
}

func (a *auditRule) matches(r *request) bool {
	if len(a.Users) > 0 && !slices.Contains(a.Users, r.user) {
		return false
	}
	if len(a.UserGroups) > 0 && !slices.ContainsFunc(a.UserGroups, func(g string) bool { return slices.Contains(r.groups, g) }) {
		return false
	}
	if len(a.Verbs) > 0 && !slices.Contains(a.Verbs, r.verb) {
		return false
	}
	if len(a.Namespaces) > 0 || len(a.Resources) > 0 {
		return r.isResource && a.matchesResource(r)
	}
	if len(a.NonResourceURLs) > 0 {
		return !r.isResource && slices.ContainsFunc(a.NonResourceURLs, func(u string) bool {
			return u == "*" || u == r.path || strings.HasSuffix(u, "*") && strings.HasPrefix(r.path, strings.TrimSuffix(u, "*"))
		})
	}
	return true
}

func (a *auditRule) matchesResource(r *request) bool {
	if len(a.Namespaces) > 0 && !slices.Contains(a.Namespaces, r.namespace) {
		return false
	}
	if len(a.Resources) == 0 {
		return true
	}
	full := r.resource
	if r.subres != "" {
		full += "/" + r.subres
	}
	for _, g := range a.Resources {
		if g.Group != "*" && g.Group != r.group {
			continue
		}
		if len(g.Resources) == 0 {
			return true
		}
		if len(g.ResourceNames) > 0 && !slices.Contains(g.ResourceNames, r.name) {
			continue
		}
		if slices.ContainsFunc(g.Resources, func(res string) bool {
			return res == full || res == "*" || res == r.resource+"/*" || strings.HasPrefix(res, "*/") && r.subres != "" && res[2:] == r.subres
		}) {
			return true
		}
	}
	return false
}
