playbook "p" {
  hosts = "control_plane"
}
include "files/self.hcl" {}
