playbook "p" {
  hosts = "control_plane"
}

locals {
  soak = "${node.name}h"
}
schedule {
  soak = local.soak
}
schedule {
}
