playbook "p" {
  hosts = "control_plane"
}
task "patch" "a" {
  path = "/etc/x"
  judge {}
  dynamic {
    for_each = []
    content {}
  }
  dynamic "flags" {
    for_each = []
  }
  dynamic "flags" {
    content {}
  }
  dynamic "flags" {
    for_each = []
    content "x" {}
  }
  dynamic "flags" {
    for_each = []
    content {}
    content {}
  }
  dynamic "flags" {
    for_eech = []
    iterator = "x"
    content {}
  }
  dynamic "flags" {
    for_each = []
    iterator = "x"
    content {}
  }
  dynamic "flags" {
    for_each = []
    contents {}
  }
}
task "probe" "b" {
  url = "https://x"
  dynamic "node" {
    for_each = ["a"]
    content {
      label = node.value
    }
  }
}
