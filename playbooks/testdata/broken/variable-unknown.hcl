# -e retention_day=3
# -e novalue
playbook "p" {
  hosts = "control_plane"
}

variable "retention_days" {
  default = 14
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${var.retention_days}"
}
