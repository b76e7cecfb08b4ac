# Your own masters: fill in their addresses. hcrun uses this file when none is named with -i.
# Then: hcrun trust control_plane, once, and hcrun doctor.

defaults {
  user = "root" # or another user, with become = true for sudo -n
  port = 22
}

host "master1" { address = "192.0.2.11" }
host "master2" { address = "192.0.2.12" }
host "master3" { address = "192.0.2.13" }

group "control_plane" {
  hosts = ["master1", "master2", "master3"]
}
