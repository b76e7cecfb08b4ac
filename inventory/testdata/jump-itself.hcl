host "master1" {
  address = "10.0.0.1"
  jump    = ["master1"]
}
