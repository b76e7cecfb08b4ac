host "a" { address = "10.0.0.1" }
group "g" { hosts = ["a", "a"] }
