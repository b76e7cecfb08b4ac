# -e low=5
playbook "p" {
  hosts = "control_plane"
}
variable "low" {
  type = number
  validation {
    condition     = var.low < var.high
    error_message = "low (${var.low}) must be below high (${var.high})."
  }
}
variable "high" {
  type    = number
  default = 3
  validation {
    condition     = var.hihg > 0
    error_message = "positive"
  }
  validation {
    condition     = "yes"
    error_message = "positive"
  }
}
variable "disks" {
  type = list(object({
    name = string
    size = optional(number, "big")
  }))
  default = [{ size = 1 }]
}
task "probe" "x" {
  url = "https://x"
}
