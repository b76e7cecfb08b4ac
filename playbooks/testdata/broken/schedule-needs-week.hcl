playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs   = "200h"
  per_day = -1
}
