playbook "p" {
  hosts = "control_plane"
}

task "motd" {
}
locals "x" {
}
task "copy" "two words" {
}
task "copy" "motd[a]" {
}
task "patch" "p" {
  path = "/x"
  judge {}
  flags {
    set = {}
  }
}
variable "1x" {
}
