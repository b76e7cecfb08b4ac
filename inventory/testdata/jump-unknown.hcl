host "master1" {
  address = "10.0.0.1"
  jump    = ["bastoin", "ops@203.0.113.7:22"]
}
host "bastion" { address = "203.0.113.7" }
