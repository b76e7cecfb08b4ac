playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    from = "19:00"
    to   = "20:00"
  }
}

# node master1
task "probe" "pod" {
  url     = "https://x"
  timeout = "${length(node.name)}0m"
}
