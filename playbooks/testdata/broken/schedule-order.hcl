playbook "p" {
  hosts = "control_plane"
}

schedule {
  order = { a = 1 }
}
