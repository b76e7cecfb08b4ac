playbook "p" {
  hosts = "control_plane"
}
include "files/motd" {}
include "files/empty.hcl" {}
