host "master1" {
  address      = "10.0.0.1"
  control_path = "cm/master1"
}
