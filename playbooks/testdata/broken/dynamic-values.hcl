playbook "p" {
  hosts = "control_plane"
}
task "patch" "a" {
  path = "/etc/x"
  judge {}
  dynamic "flags" {
    for_each = 3
    content {}
  }
  dynamic "flags" {
    for_each = null
    content {}
  }
  dynamic "flags" {
    for_each = range(1001)
    content {}
  }
  dynamic "flags" {
    for_each = ["a"]
    labels   = "a"
    content {}
  }
  dynamic "flags" {
    for_each = ["a"]
    content {}
  }
  dynamic "flags" {
    for_each = ["a", "b"]
    labels   = [flags.vale]
    content {}
  }
  dynamic "flag" {
    for_each = ["a"]
    labels   = ["x"]
    content {}
  }
}
