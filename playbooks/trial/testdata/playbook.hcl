playbook "sample" { hosts = "all" }

variable "greeting" {
  type    = string
  default = "hello"
  validation {
    condition     = var.greeting != ""
    error_message = "a greeting says something."
  }
}

variable "count" {
  type    = number
  default = 1
}

schedule {
  order = ["m", "n"]
  soak  = "24h"
}

gate "http-check" "peers" {
  on  = "peers"
  url = "https://127.0.0.1:6443/readyz"
}

task "assert" "room" {
  that    = try(node.vars.disk, "") != "hdd"
  message = "not on a spinning disk"
}

task "scp" "hello" {
  content     = "${var.greeting} from ${node.name}, ${var.count} times\n"
  destination = "/etc/hello"
  mode        = "0600"
}

task "mkdir" "dir" {
  path = "/var/log/hello"
  mode = "0700"
}

task "assert" "there" {
  path        = "/etc/hello"
  after       = true
  on_rollback = true
}

task "assert" "said" {
  path       = "/etc/hello"
  contains   = "from n"
  after      = true
  on_failure = "eventful"
}
