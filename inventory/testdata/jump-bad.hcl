host "master1" {
  address = "10.0.0.1"
  jump = [
    "bastion.example.org:0",
    "ops@",
    "@bastion.example.org",
    "a.b:22:23",
    "ssh://ops@a.example.org",
    "o p@a.example.org",
    "ops@-oProxyCommand=x",
    "",
    "[fd00::1]:99999",
  ]
}
