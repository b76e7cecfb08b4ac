playbook "p" {
  hosts = "control_plane"
}
task "copy" "a" {
  source      = "files/motd"
  destination = "/etc/a"
  tags        = "a"
}
task "copy" "b" {
  source      = "files/motd"
  destination = "/etc/b"
  tags        = ["a", "a"]
}
task "copy" "c" {
  source      = "files/motd"
  destination = "/etc/c"
  tags        = ["two words"]
  sensitive   = "yes"
}
gate "probe" "g" {
  on    = "peers"
  url   = "https://x"
  retry = 3
  tags  = ["a"]
}
