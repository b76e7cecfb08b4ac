playbook "kernel-limits" {
  description = "Keep the kernel limits that the masters run with through a reboot."
  hosts       = "control_plane"
}

variable "max_map_count" {
  type    = string
  default = "262144"
}

variable "loaded_within" {
  type    = string
  default = "5s"
}

locals {
  values = { "vm.max_map_count" = var.max_map_count }
}

schedule {
  order = ["master1", "master2", "master3"]
  soak  = "1h"
}

gate "http-check" "peers_ready" {
  on     = "peers"
  url    = "https://127.0.0.1:6443/readyz"
  passes = 3
}

task "mkdir" "sysctl_d" {
  path = "/etc/sysctl.d"
}

task "sysctl" "limits" {
  path   = "/etc/sysctl.d/60-limits.conf"
  values = local.values
}

task "sysctl-live" "limits" {
  values  = local.values
  timeout = var.loaded_within
}
