playbook "p" {
  hosts = "control_plane"
}

gate "copy" "x" {
  on          = "peers"
  source      = "files/motd"
  destination = "/etc/a"
}
gate "probe" "y" {
  on  = "others"
  url = "https://x"
}
gate "probe" "z" {
  url = "https://x"
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
}
