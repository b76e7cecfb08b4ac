playbook "p" {
  hosts = "control_plane"
}

confirm {
  within = "25h"
}
