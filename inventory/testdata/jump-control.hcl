host "master1" {
  address      = "10.0.0.1"
  jump         = ["ops@203.0.113.7"]
  control_path = "/run/cm/master1"
}
host "master" {
  address      = "10.0.0.2"
  control_path = "/run/cm/master"
}
host "master2" {
  address = "10.0.0.3"
  jump    = ["ops@203.0.113.7", "master"]
}
