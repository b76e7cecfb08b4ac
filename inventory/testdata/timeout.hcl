host "a" {
  address         = "10.0.0.1"
  connect_timeout = 10
}
host "b" {
  address         = "10.0.0.1"
  connect_timeout = "0s"
}
