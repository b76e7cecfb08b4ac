playbook "p" {
  hosts = "control_plane"
}

variable "a" {
  type = strng
}
variable "b" {
  type = "string"
}
variable "c" {
  type      = list()
  sensitive = true
  defualt   = 1
}
variable "a" {
}
variable "d" {
  default = var.a
}
variable "e" {
  default = node.name
}
