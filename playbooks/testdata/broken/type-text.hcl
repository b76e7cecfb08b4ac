playbook "p" {
  hosts = "control_plane"
}

variable "n" {
  type    = number
  default = 1
}
task "probe" "ready" {
  url    = ["https://127.0.0.1/readyz"]
  passes = "3"
  tls    = "yes"
  args   = "one"
  match  = ["a"]
}
task "probe" "other" {
  url   = var.n
  args  = ["a", 2, "c"]
  match = { a = 1, b = ["x"] }
}
