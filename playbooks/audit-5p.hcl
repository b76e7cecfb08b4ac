# API server audit logging, one control-plane node at a time.
#
#   hcrun apply playbooks/audit-5p.hcl --limit master1 --plan    shows everything and writes nothing
#   hcrun apply playbooks/audit-5p.hcl                           whoever is next
#   hcrun status playbooks/audit-5p.hcl                          who that is, when, and why not now
#
# What is logged is decided in files/audit-policy.yaml. files/vector-audit.yaml ships and labels the log;
# it has to run on the control-plane nodes before the first of them is changed.

playbook "audit-5p" {
  description = "Turn on kube-apiserver audit logging, one control-plane node at a time."
  hosts       = "control_plane"
}

variable "retention_days" {
  type        = number
  default     = 14
  description = "Days to keep rotated audit logs on the node."
  validation {
    condition     = var.retention_days > 0 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number above 0; 0 would keep logs of any age."
  }
}

variable "max_backups" {
  type        = number
  default     = 3
  description = "Rotated audit logs to keep on the node, beside the current one."
  validation {
    condition     = var.max_backups > 0 && floor(var.max_backups) == var.max_backups
    error_message = "max_backups must be a whole number above 0; 0 would keep all of them."
  }
}

variable "max_size_mib" {
  type        = number
  default     = 200
  description = "Size in MiB at which the audit log is rotated."
  validation {
    condition     = var.max_size_mib > 0 && floor(var.max_size_mib) == var.max_size_mib
    error_message = "max_size_mib must be a whole number above 0; 0 means no rotation on newer API servers."
  }
}

variable "loki_url" {
  type        = string
  default     = env("LOKI_ADDR", "http://127.0.0.1:3100")
  description = "Your Loki, as this machine reaches it. Credentials come from logcli's environment."
}

variable "loki_selector" {
  type        = string
  default     = "{app=\"kube-apiserver-audit\", filename=\"/var/log/kubernetes/audit.log\"}"
  description = "The audit log's streams in your Loki; the node is matched on top of it."
}

locals {
  manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
  policy   = "/etc/kubernetes/audit-policy.yaml"
  log_dir  = "/var/log/kubernetes"
  log      = "${local.log_dir}/audit.log"
  readyz   = "https://127.0.0.1:6443/readyz"

  # The current log and the rotated ones, all full.
  worst_case = "${(var.max_backups + 1) * var.max_size_mib}MiB"
}

# "Any low-traffic evening", a day or more after the previous node landed, never two on one day.
schedule {
  order   = ["master1", "master2", "master3"]
  soak    = "24h"
  per_day = 1
  window {
    days     = ["mon", "tue", "wed", "thu"]
    from     = "19:00"
    to       = "23:00"
    timezone = "America/New_York"
  }
}

# The other API servers serve while this one restarts, so they are asked before and after.
gate "http-check" "peers_ready" {
  on     = "peers"
  url    = local.readyz
  passes = 3
}

# Asked before anything is written. A full disk silences the log while the API server looks healthy, and
# is etcd's disk, too, on many masters.
task "assert" "headroom" {
  path    = local.log_dir
  free    = local.worst_case
  message = "audit logs take up to ${local.worst_case} on this node; max_backups and max_size_mib make that less"
}

task "scp" "policy" {
  source      = "files/audit-policy.yaml"
  destination = local.policy
  mode        = "0600"
  validate    = "audit-policy"
}

task "mkdir" "log_dir" {
  path = local.log_dir
  mode = "0700"
}

# The API server keeps the mode of a log that is there, and writes request bodies into it.
task "touch" "log" {
  path = local.log
  mode = "0600"
}

# For the operator; rollback does not need it. A later change of the policy keeps this first copy.
task "backup" "manifest" {
  path          = local.manifest
  to            = "/root/kube-apiserver.yaml.pre-audit"
  on_difference = "keep"
}

task "yaml-patch" "manifest" {
  path = local.manifest

  flags "spec.containers[name=kube-apiserver].command" {
    set = {
      "audit-policy-file"   = local.policy
      "audit-log-path"      = local.log
      "audit-log-maxage"    = var.retention_days
      "audit-log-maxbackup" = var.max_backups
      "audit-log-maxsize"   = var.max_size_mib
    }
  }

  list "spec.volumes" {
    key = "name"
    set = [
      { name = "audit-policy", hostPath = { path = local.policy, type = "File" } },
      { name = "audit-log", hostPath = { path = local.log_dir, type = "DirectoryOrCreate" } },
    ]
  }

  list "spec.containers[name=kube-apiserver].volumeMounts" {
    key = "name"
    set = [
      { name = "audit-policy", mountPath = local.policy, readOnly = true },
      { name = "audit-log", mountPath = local.log_dir },
    ]
  }

  # The kubelet restarts the pod when its manifest changes, and not when a file that it mounts does. With
  # the policy's digest in the manifest, a new policy is a new pod.
  set "metadata.annotations[\"checksum/audit-policy\"]" {
    value = filesha256("files/audit-policy.yaml")
  }
}

# A new container with the manifest's arguments, ready, and all of it once more after the kubelet has
# listed its manifests again. On the way back it stands between the restored manifest and the removal of
# the policy that the old pod still mounts.
task "wait-for-pod" "apiserver" {
  name        = "kube-apiserver"
  manifest    = local.manifest
  ready       = local.readyz
  passes      = 3
  stable      = "30s"
  timeout     = "3m"
  on_rollback = true
}

# A quiet cluster may have nothing to log for half a minute, so the API server is asked something that it
# refuses, and logs.
task "tail-log" "events" {
  path    = local.log
  format  = "json"
  match   = { apiVersion = "audit.k8s.io/v1", kind = "Event" }
  count   = 5
  probe   = "https://127.0.0.1:6443/hcrun-audit-probe"
  timeout = "30s"
}

# Of this node, by the label that the pipeline sets, and newer than the change by the events' own time:
# another master's events, or old ones that are shipped late, prove nothing.
task "loki-query" "shipped" {
  url     = var.loki_url
  query   = var.loki_selector
  count   = 1
  timeout = "2m"
  node {
    label = "node"
  }
}
