defaults {
  ssh_config = true
}
host "master1" {}
host "master2" {
  ssh_config = false
}
