playbook "p" {
  hosts = "control_plane"
}
variable "a" {
  default = var.b
}
variable "b" {
  default = local.c
}
locals {
  c = var.nope
  d = node.vars.x
}
task "copy" "motd" {
  source      = task.copy.motd.source
  destination = "${self.source}/${gate.x}/${count.index}/${path.module}/${local.e}"
}
