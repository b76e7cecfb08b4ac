playbook "p" {
  hosts = "control_plane"
}

task "probe" "ready" {
  url     = "https://127.0.0.1/readyz"
  timeout = 30
}
task "probe" "ready2" {
  url     = "https://127.0.0.1/readyz"
  timeout = "30 seconds"
}
