# A first playbook: a directory, a file in it, and a check that the file is right.
#
#   hcrun apply playbooks/hello.hcl -i inventory/lab.hcl --limit master1 --plan   shows everything, writes nothing
#   hcrun apply playbooks/hello.hcl -i inventory/lab.hcl                          whoever is next
#   hcrun status playbooks/hello.hcl -i inventory/lab.hcl                         who that is, and why not now
#
# `hcrun doc` lists the kinds of task, `hcrun doc scp` describes one.

playbook "hello" {
  description = "Leave a note on every control-plane node, one node at a time."
  hosts       = "control_plane" # a group of the inventory
}

variable "contact" {
  type        = string
  default     = "the platform team"
  description = "Who looks after these machines; set another with -e contact=NAME."
  validation {
    condition     = var.contact != ""
    error_message = "contact must not be empty: the note is there to name somebody."
  }
}

locals {
  folder = "/etc/hello"
  note   = "${local.folder}/contact"
}

# The next node is held until the one before it has been left alone for an hour. In the lab,
# `hcrun lab clock +1h` is that hour.
schedule {
  order = ["master1", "master2", "master3"]
  soak  = "1h"
}

task "mkdir" "folder" {
  path = local.folder
  mode = "0755"
}

task "scp" "note" {
  template    = "files/contact.tmpl"
  vars        = { contact = var.contact, node = node.name }
  destination = local.note
  mode        = "0644"
}

# What a check disproves is rolled back at once, in reverse order.
task "assert" "note" {
  path     = local.note
  mode     = "0644"
  contains = var.contact
  after    = true
  message  = "the note is what whoever logs in reads first"
}
