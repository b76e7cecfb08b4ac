playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${env("SECRET_DOMAIN")}"
}
task "copy" "other" {
  source      = "files/motd"
  destination = "/etc/${env("EMPTY")}"
}
