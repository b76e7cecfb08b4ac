playbook "p" {
  hosts = "control_plane"
}

variable "domain" {
  type = string
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${var.domain}"
}
