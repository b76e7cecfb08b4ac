host "bastion" { address = "203.0.113.7" }
host "inner" {
  address = "10.0.0.9"
  jump    = ["bastion"]
}
host "master1" {
  address = "10.0.0.1"
  jump    = ["inner", "bastion"]
}
