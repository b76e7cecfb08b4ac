playbook "p" {
  hosts = "control_plane"
}

