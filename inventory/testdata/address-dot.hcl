host "a" { address = "master1." }
host "b" { address = "a..b" }
host "c" { address = "a b" }
