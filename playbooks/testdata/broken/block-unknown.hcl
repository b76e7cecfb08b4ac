playbook "p" {
  hosts = "control_plane"
}

task "patch" "p" {
  path = "/x"
  judge {}
  flag "spec.containers[name=x].command" {
  }
}
