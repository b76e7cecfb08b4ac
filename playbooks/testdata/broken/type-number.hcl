playbook "p" {
  hosts = "control_plane"
}

task "probe" "ready" {
  url    = "https://127.0.0.1/readyz"
  passes = 1.5
}
task "probe" "many" {
  url    = "https://127.0.0.1/readyz"
  passes = 1e30
}
