task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
}
