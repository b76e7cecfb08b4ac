playbook "p" {
  hosts = "control_plane"
}
task "copy" "a" {
  source      = "files/motd"
  destination = "/etc/a"
  timeout     = "3s"
  retry       = 3
  retry_pause = "3s"
  delegate_to = "master2"
}
task "probe" "b" {
  url       = "https://x"
  sensitive = true
}
