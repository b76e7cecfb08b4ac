playbook "p" {
  hosts = "control_plane"
}

variable "retention_days" {
  default = 14
}
locals {
  log_dir = "/var/log"
}
task "copy" "motd" {
  source      = "${locals.log_dir}/x"
  destination = "${local.logdir}/${var.retention_day}"
}
task "copy" "other" {
  source      = files
  destination = "${log_dir}/${node.nam}/${each.key}/${host.name}"
}
