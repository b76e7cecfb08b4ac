defaults {
  port = 0
}
host "a" {
  address = "10.0.0.1"
  port    = 65536
}
host "b" {
  address = "10.0.0.1"
  port    = "22"
}
