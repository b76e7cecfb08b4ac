host "a" { address = "root@10.0.0.1" }
