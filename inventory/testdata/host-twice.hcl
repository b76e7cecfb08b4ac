host "a" { address = "10.0.0.1" }
host "a" { address = "10.0.0.2" }
