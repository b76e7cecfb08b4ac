playbook "p" {
  hosts = "all"
}

secret "none" {
}

secret "both" {
  env  = "A"
  file = "b"
}

secret "unset" {
  env = "EMPTY"
}

secret "short" {
  env = "HCRUN_VAR_from_env"
}

secret "missing" {
  file = "nowhere.txt"
}

secret "fails" {
  command = ["sh", "-c", "echo hunter2-canary >&2; exit 3"]
}

secret "absent" {
  command = ["hcrun-has-no-such-program"]
}

secret "keyless" {
  age = "sealed.age"
}

secret "noidentity" {
  age      = "sealed.age"
  identity = "nokey.txt"
}

secret "identityalone" {
  env      = "A"
  identity = "key.txt"
}

secret "unset" {
  env = "EMPTY"
}

secret "odd name" {
  env = "EMPTY"
}

secret "typo" {
  enviroment = "A"
}

task "copy" "a" {
  source      = "motd"
  destination = secret.unknown
}
