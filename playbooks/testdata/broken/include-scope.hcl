playbook "p" {
  hosts = "control_plane"
}
variable "mine" { default = 1 }
locals { mine = 1 }
include "files/scope.hcl" {}
