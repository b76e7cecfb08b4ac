package sim

import (
	"fmt"
	"strings"
)

const podSecurity = "pod-security.kubernetes.io/"

// traffic are the requests of a small cluster: what its components ask all the time and what its
// people do now and then.
func traffic(node string) []request {
	kubelet := request{user: "system:node:" + node, groups: []string{"system:nodes", "system:authenticated"}, agent: "kubelet/" + gitVersion + " (linux/amd64)"}
	manager := request{user: "system:kube-controller-manager", groups: []string{"system:authenticated"}, agent: "kube-controller-manager/" + gitVersion + " (linux/amd64)"}
	replicas := request{user: "system:serviceaccount:kube-system:replicaset-controller", groups: []string{"system:serviceaccounts",
		"system:serviceaccounts:kube-system", "system:authenticated"}, agent: manager.agent}
	admin := request{user: "kubernetes-admin", groups: []string{"kubeadm:cluster-admins", "system:authenticated"}, agent: "kubectl/" + gitVersion + " (linux/amd64)"}
	object := func(kind, namespace, name string, more map[string]any) map[string]any {
		o := map[string]any{"kind": kind, "apiVersion": "v1", "metadata": map[string]any{"name": name, "namespace": namespace}}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	web := object("Pod", "apps", "web-6d4cf56db6-x7k2p", map[string]any{"spec": map[string]any{"containers": []any{map[string]any{
		"name": "web", "image": "web:1.4", "securityContext": map[string]any{"privileged": true}}}}})
	role := object("RoleBinding", "apps", "deployers", map[string]any{"roleRef": map[string]any{"kind": "Role", "name": "deployer"}})
	role["apiVersion"] = "rbac.authorization.k8s.io/v1"
	all := []request{
		on(kubelet, "update", "coordination.k8s.io/v1", "kube-node-lease", "leases", node, nil),
		on(manager, "update", "coordination.k8s.io/v1", "kube-system", "leases", "kube-controller-manager", nil),
		on(replicas, "create", "v1", "apps", "pods", "", web),
		on(kubelet, "get", "v1", "apps", "secrets", "web-tls", nil),
		on(admin, "create", "rbac.authorization.k8s.io/v1", "apps", "rolebindings", "deployers", role),
		on(admin, "create", "v1", "", "namespaces", "staging", object("Namespace", "", "staging", nil)),
		on(kubelet, "patch", "v1", "", "nodes/status", node, nil),
		on(manager, "list", "v1", "kube-system", "configmaps", "", nil),
	}
	for i := range all {
		all[i].admit()
	}
	return all
}

// on is a request of somebody on an object.
func on(who request, verb, groupVersion, namespace, resource, name string, object any) request {
	q := who
	q.verb, q.namespace, q.name, q.isResource, q.object, q.code = verb, namespace, name, true, object, 200
	q.version = groupVersion
	prefix := "/api/"
	if group, version, ok := strings.Cut(groupVersion, "/"); ok {
		q.group, q.version, prefix = group, version, "/apis/"
	}
	q.resource, q.subres, _ = strings.Cut(resource, "/")
	q.path = prefix + groupVersion
	if namespace != "" {
		q.path += "/namespaces/" + namespace
	}
	q.path += "/" + q.resource
	if verb == "create" {
		q.code = 201
	} else if name != "" {
		q.path += "/" + name
	}
	if q.subres != "" {
		q.path += "/" + q.subres
	}
	q.uri = q.path
	return q
}

// admit adds what Pod Security Admission says about a new pod, in a cluster that enforces nothing by
// default and audits against "restricted".
func (q *request) admit() {
	if q.verb != "create" || q.resource != "pods" || q.subres != "" {
		return
	}
	q.annotations = map[string]string{podSecurity + "enforce-policy": "privileged:latest"}
	violations := []string{`allowPrivilegeEscalation != false (container "%[1]s" must set securityContext.allowPrivilegeEscalation=false)`,
		`unrestricted capabilities (container "%[1]s" must set securityContext.capabilities.drop=["ALL"])`,
		`runAsNonRoot != true (pod or container "%[1]s" must set securityContext.runAsNonRoot=true)`}
	container, privileged := firstContainer(q.object)
	if container == "" {
		return
	}
	if privileged {
		violations = append([]string{`privileged (container "%[1]s" must not set securityContext.privileged=true)`}, violations...)
	}
	q.annotations[podSecurity+"audit-violations"] = "would violate PodSecurity \"restricted:latest\": " + fmt.Sprintf(strings.Join(violations, ", "), container)
}

func firstContainer(object any) (name string, privileged bool) {
	o, _ := object.(map[string]any)
	spec, _ := o["spec"].(map[string]any)
	list, _ := spec["containers"].([]any)
	if len(list) == 0 {
		return "", false
	}
	c, _ := list[0].(map[string]any)
	security, _ := c["securityContext"].(map[string]any)
	name, _ = c["name"].(string)
	privileged, _ = security["privileged"].(bool)
	return name, privileged
}
