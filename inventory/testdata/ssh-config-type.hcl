host "master1" {
  ssh_config = "yes"
}
host "master2" {
  ssh_config = "true"
}
