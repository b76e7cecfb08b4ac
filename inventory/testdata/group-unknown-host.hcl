host "master1" { address = "10.0.0.1" }
group "g" {
  hosts = ["master1", "mastr1", "zzzzzzz"]
}
