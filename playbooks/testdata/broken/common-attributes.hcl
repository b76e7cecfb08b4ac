playbook "p" {
  hosts = "control_plane"
}

task "copy" "a" {
  source      = "files/motd"
  destination = "/etc/a"
  on_rollback = true
  on_failure  = "eventful"
}
task "probe" "b" {
  url        = "https://x"
  on_failure = "explode"
}
