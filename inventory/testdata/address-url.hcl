host "a" { address = "ssh://10.0.0.1" }
