# node master1
playbook "p" {
  hosts = "control_plane"
}
task "patch" "a" {
  path = "/etc/x"
  judge {}
  dynamic "flags" {
    for_each = node.vars.rack
    labels   = [flags.key]
    content {
      set = { a = flags.value }
    }
  }
  dynamic "flags" {
    for_each = node.groups
    labels   = [flags.key]
    content {
      set = { a = flags.value.name }
    }
  }
}
