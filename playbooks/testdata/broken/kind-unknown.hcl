playbook "p" {
  hosts = "control_plane"
}

task "copi" "motd" {
  source = "x"
}
gate "http-check" "peers" {
  on = "peers"
}
