defaults { jump = ["bastion"] }
host "bastion" { address = "203.0.113.7" }
host "master1" { address = "10.0.0.1" }
