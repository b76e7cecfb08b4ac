package playbooks

import (
	"fmt"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks"
)

// Audit5PVars are the variables of the playbook audit-5p. A zero value is the default of that variable.
type Audit5PVars struct {
	RetentionDays int    // days to keep rotated audit logs, 14
	MaxBackups    int    // rotated audit logs to keep, 3
	MaxSizeMiB    int    // MiB at which the log is rotated, 200
	LokiURL       string // "http://127.0.0.1:3100"
	LokiSelector  string // the audit log's streams in Loki
	PolicySHA256  string // hex digest of files/audit-policy.yaml, which has no default
}

// The paths of the runbook on a node.
const (
	auditManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	auditPolicy   = "/etc/kubernetes/audit-policy.yaml"
	auditLogDir   = "/var/log/kubernetes"
	auditLog      = auditLogDir + "/audit.log"
	auditReadyz   = "https://127.0.0.1:6443/readyz"
)

func (v Audit5PVars) withDefaults() Audit5PVars {
	or := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	or(&v.RetentionDays, 14)
	or(&v.MaxBackups, 3)
	or(&v.MaxSizeMiB, 200)
	if v.LokiURL == "" {
		v.LokiURL = "http://127.0.0.1:3100"
	}
	if v.LokiSelector == "" {
		v.LokiSelector = `{app="kube-apiserver-audit", filename="/var/log/kubernetes/audit.log"}`
	}
	return v
}

// Audit5P is audit-5p.hcl as Go literals: what a team writes that compiles its playbooks in. The engine
// knows no difference, and a test holds the two equal. It is to be prepared with the folder that has
// files/audit-policy.yaml.
func Audit5P(v Audit5PVars) *engine.Playbook {
	v = v.withDefaults()
	worstCase := fmt.Sprintf("%dMiB", (v.MaxBackups+1)*v.MaxSizeMiB)
	return &engine.Playbook{
		Name:        "audit-5p",
		Description: "Turn on kube-apiserver audit logging, one control-plane node at a time.",
		Hosts:       "control_plane",
		Schedule: engine.Schedule{
			Order:  []string{"master1", "master2", "master3"},
			Soak:   24 * engine.Hour,
			PerDay: 1,
			Windows: []engine.Window{{
				Days: []string{"mon", "tue", "wed", "thu"},
				From: "19:00",
				To:   "23:00",
				Zone: "America/New_York",
			}},
		},
		Gates: []engine.Gate{{
			Name: "peers_ready",
			On:   engine.Peers,
			Task: &tasks.HttpCheck{URL: auditReadyz, Passes: 3},
		}},
		Steps: []engine.Step{
			{Name: "headroom", Task: &tasks.Assert{
				Path:    auditLogDir,
				Free:    worstCase,
				Message: "audit logs take up to " + worstCase + " on this node; max_backups and max_size_mib make that less",
			}},
			{Name: "policy", Task: &tasks.Scp{Source: "files/audit-policy.yaml", Destination: auditPolicy, Mode: 0o600, Validate: "audit-policy"}},
			{Name: "log_dir", Task: &tasks.Mkdir{Path: auditLogDir, Mode: 0o700}},
			{Name: "log", Task: &tasks.Touch{Path: auditLog, Mode: 0o600}},
			{Name: "manifest", Task: &tasks.Backup{Path: auditManifest, To: "/root/kube-apiserver.yaml.pre-audit", OnDifference: "keep"}},
			{Name: "manifest", Task: v.patch()},
			{Name: "apiserver", OnRollback: true, Task: &tasks.WaitForPod{
				Name:     "kube-apiserver",
				Manifest: auditManifest,
				Ready:    auditReadyz,
				Passes:   3,
				Stable:   30 * engine.Second,
				Timeout:  3 * engine.Minute,
			}},
			{Name: "events", Task: &tasks.TailLog{
				Path:    auditLog,
				Format:  "json",
				Match:   map[string]string{"apiVersion": "audit.k8s.io/v1", "kind": "Event"},
				Count:   5,
				Probe:   "https://127.0.0.1:6443/hcrun-audit-probe",
				Timeout: 30 * engine.Second,
			}},
			{Name: "shipped", Task: &tasks.LokiQuery{
				URL:     v.LokiURL,
				Query:   v.LokiSelector,
				Node:    tasks.LokiNode{Label: "node"},
				Count:   1,
				Timeout: 2 * engine.Minute,
			}},
		},
	}
}

// patch is the change of the manifest.
func (v Audit5PVars) patch() *tasks.YamlPatch {
	return &tasks.YamlPatch{
		Path: auditManifest,
		Flags: []tasks.YamlFlags{{
			At: "spec.containers[name=kube-apiserver].command",
			Set: map[string]string{
				"audit-policy-file":   auditPolicy,
				"audit-log-path":      auditLog,
				"audit-log-maxage":    fmt.Sprint(v.RetentionDays),
				"audit-log-maxbackup": fmt.Sprint(v.MaxBackups),
				"audit-log-maxsize":   fmt.Sprint(v.MaxSizeMiB),
			},
		}},
		Lists: []tasks.YamlList{
			{At: "spec.volumes", Key: "name", Set: []map[string]any{
				{"name": "audit-policy", "hostPath": map[string]any{"path": auditPolicy, "type": "File"}},
				{"name": "audit-log", "hostPath": map[string]any{"path": auditLogDir, "type": "DirectoryOrCreate"}},
			}},
			{At: "spec.containers[name=kube-apiserver].volumeMounts", Key: "name", Set: []map[string]any{
				{"name": "audit-policy", "mountPath": auditPolicy, "readOnly": true},
				{"name": "audit-log", "mountPath": auditLogDir},
			}},
		},
		Set: []tasks.YamlSet{{At: `metadata.annotations["checksum/audit-policy"]`, Value: v.PolicySHA256}},
	}
}
