playbook "p" {
  hosts = "control_plane"
}
task "patch" "none" {
  path = "/etc/x"
  judge {}
  dynamic "list" {
    for_each = []
    labels   = [list.key]
    content {
      key = list.name
    }
  }
}
task "patch" "unknown" {
  path = "/etc/x"
  judge {}
  dynamic "list" {
    for_each = node.vars.rack
    labels   = [list.key]
    content {
      kee = list.value
    }
  }
}
task "patch" "some" {
  path = "/etc/x"
  judge {}
  dynamic "list" {
    for_each = ["a", "b"]
    labels   = [list.key]
    content {
      key = 3
    }
  }
}
task "probe" "twice" {
  url = "https://x"
  dynamic "node" {
    for_each = ["a", "b"]
    iterator = it
    content {
      label = it.value
    }
  }
}
task "patch" "needed" {
  path = "/etc/x"
  dynamic "judge" {
    for_each = []
    content {}
  }
}
task "patch" "prepared" {
  path = "/etc/x"
  judge {}
  dynamic "flags" {
    for_each = { a = 1 }
    labels   = [flags.key]
    content {
      set = { a = flags.value }
    }
  }
}
