locals {
  a = local.b
  b = local.a
}
task "copy" "motd" {
  source      = "files/none"
  destination = "/etc/motd"
}
task "copi" "motd" {}
task "probe" "x" {
  url     = join(",", 3)
  timeout = "soon"
}
include "files/none.hcl" {}
