lab {}
defaults {
  ssh_config = true
}
host "master1" {
  jump = ["ops@203.0.113.7"]
}
host "master2" {
  control_path = "/run/cm/master2"
}
