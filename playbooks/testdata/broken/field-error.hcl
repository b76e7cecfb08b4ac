playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/nope"
  destination = "etc/motd"
}
task "patch" "p" {
  path = "/x"
  judge {}
  flags "spec.command" {
    remove = []
    set    = { a = 1 }
  }
}
