host "a b" { address = "10.0.0.1" }
host "all" { address = "10.0.0.1" }
host { address = "10.0.0.1" }
group "g[1]" { hosts = [] }
