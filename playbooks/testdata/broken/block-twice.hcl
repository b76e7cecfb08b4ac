playbook "p" {
  hosts = "control_plane"
}

task "probe" "p" {
  url = "https://x"
  node {
    label = "node"
  }
  node {
    label = "host"
  }
}
