host "a" { address = "" }
