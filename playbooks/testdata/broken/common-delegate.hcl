playbook "p" {
  hosts = "control_plane"
}
task "probe" "a" {
  url         = "https://x"
  delegate_to = "two words"
}
task "probe" "b" {
  url         = "https://x"
  delegate_to = ["master1"]
}
