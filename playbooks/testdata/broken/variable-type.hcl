# -e days=many
# -e on=maybe
# -e list=[a
playbook "p" {
  hosts = "control_plane"
}

variable "days" {
  type = number
}
variable "from_env" {
  type = number
}
variable "on" {
  default = true
}
variable "list" {
  type = list(string)
}
variable "wrong" {
  type    = map(number)
  default = { a = "x" }
}
