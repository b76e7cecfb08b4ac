playbook "p" {
  hosts = "control_plane"
}

task "patch" "p" {
  path = "/x"
  judge {}
  flags = { set = {} }
  flags "spec.containers[name=x].command" {
    set {
      a = 1
    }
  }
}
