playbook "p" {
  hosts = "control_plane"
}

task "patch" "p" {
  path = "/x"
}
