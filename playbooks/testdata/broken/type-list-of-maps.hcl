playbook "p" {
  hosts = "control_plane"
}

task "patch" "manifest" {
  path = "/etc/x.yaml"
  judge {}
  list "spec.volumes" {
    key = "name"
    set = [{ name = "a" }, "b"]
  }
}
