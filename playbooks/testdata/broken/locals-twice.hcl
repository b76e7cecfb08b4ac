playbook "p" {
  hosts = "control_plane"
}

locals {
  a = 1
}
locals {
  a = 2
  b {
  }
}
