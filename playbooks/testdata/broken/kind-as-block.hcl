playbook "p" {
  hosts = "control_plane"
}

copy "motd" {
  source = "x"
}
tasks "copy" "motd" {
}
