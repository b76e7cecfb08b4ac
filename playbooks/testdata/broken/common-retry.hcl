playbook "p" {
  hosts = "control_plane"
}
task "probe" "a" {
  url   = "https://x"
  retry = 1000
}
task "probe" "b" {
  url   = "https://x"
  retry = "3"
}
task "probe" "c" {
  url         = "https://x"
  retry_pause = "5s"
}
task "probe" "d" {
  url         = "https://x"
  retry       = -1
  retry_pause = 5
}
task "probe" "e" {
  url     = "https://x"
  retries = 3
}
