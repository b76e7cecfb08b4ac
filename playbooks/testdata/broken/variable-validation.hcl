# -e days=0
playbook "p" {
  hosts = "control_plane"
}

variable "days" {
  type = number
  validation {
    condition     = var.days > 0
    error_message = "days must be positive"
  }
}
variable "own" {
  default = -1
  validation {
    condition     = var.own
    error_message = "x"
  }
}
variable "third" {
  default = 5
  validation {
    condition     = var.third < 5
    error_message = "third is ${var.third}"
  }
  validation {
    condition = true
  }
}
