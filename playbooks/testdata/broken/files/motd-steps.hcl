variable "to" {
  type = string
}
variable "days" {
  type    = number
  default = 7
  validation {
    condition     = var.days < 60
    error_message = "days are at most 60."
  }
}
task "copy" "motd" {
  source      = "files/motd"
  destination = var.to
}
