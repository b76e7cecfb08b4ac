host "a" { address = "10.0.0.1" }
group "g" {
  hosts = ["a"]
  vars  = { rack = 1 }
}
group "h" {
  hosts = ["a"]
  vars  = { rack = 2 }
}
