playbook "p" {
  hosts = "control_plane"
}

within = "10m"
