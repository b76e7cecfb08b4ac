defaults {
  control_path = "~/.ssh/cm-%C"
}
host "master1" {
  address      = "10.0.0.1"
  control_path = "/run/cm/%x"
}
host "master2" {
  address      = "10.0.0.2"
  control_path = "/run/cm/100%"
}
host "master3" {
  address      = "10.0.0.3"
  control_path = "/run/cm/%j"
}
host "master4" {
  address    = "10.0.0.4"
  ssh_config = true
}
