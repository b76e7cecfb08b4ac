host "a" { address = "10.0.0.1:22" }
host "b" { address = "[fd00::1]:22" }
