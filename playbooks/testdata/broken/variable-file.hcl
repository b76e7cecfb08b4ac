# --var-file testdata/broken/files/values.hcl
# --var-file testdata/broken/files/none.hcl
playbook "p" {
  hosts = "control_plane"
}

variable "days" {
  type = number
}
