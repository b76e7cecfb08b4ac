playbook "p" {
  hosts = "all"
  root  = "nowhere"
}
