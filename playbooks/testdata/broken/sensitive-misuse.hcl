playbook "p" {
  hosts = "all"
}

variable "pin" {
  type      = number
  sensitive = true
  default   = 123
}

variable "words" {
  type      = list(string)
  sensitive = true
  default   = ["canary-one", "canary-two"]
}

variable "ruled" {
  type      = string
  sensitive = true
  default   = "hunter2-canary"
  validation {
    condition     = var.ruled == "nothing"
    error_message = "it is ${var.ruled}"
  }
}

secret "token" {
  command = ["printf", "hunter2-canary\n"]
}

locals {
  number  = parseint(secret.token, 10)
  decoded = try(jsondecode(secret.token), "other")
  derived = "Bearer ${upper(secret.token)}"
}

schedule {
  order = var.words
}

task "copy" "path" {
  source      = "motd"
  destination = "/etc/${secret.token}"
}

task "copy" "tried" {
  source      = "motd"
  destination = local.decoded
}

task "copy" "each" {
  for_each    = toset(var.words)
  source      = "motd"
  destination = "/etc/motd"
}

task "copy" "maybe" {
  when        = can(regex("^h", secret.token))
  source      = "motd"
  destination = "/etc/motd"
}

task "probe" "header" {
  url  = "https://example.org"
  args = ["-H", local.derived]
}

task "copy" "mode" {
  source      = "motd"
  destination = "/etc/motd"
  mode        = secret.token
}

task "copy" "vars" {
  source      = "motd"
  destination = "/etc/motd"
  vars        = secret.token
}

task "patch" "at" {
  path = sensitive("/etc/canary-path")
  flags "spec" {
    set = { a = secret.token }
  }
  judge { as = "yes" }
}

task "probe" "kept" {
  url   = "https://example.org"
  token = secret.token
}
