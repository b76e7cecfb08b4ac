playbook "p" {
  hosts = "control_plane"
}

locals {
  a = local.b
  b = "${local.c}x"
  c = [local.a]
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${local.a}"
}
