playbook "p" {
  hosts = "control_plane"
}
task "glance" "a" {
  timeout = "soon"
}
task "glance" "b" {
  timeout = 3
}
gate "glance" "c" {
  on      = "peers"
  timeout = "3s"
}
