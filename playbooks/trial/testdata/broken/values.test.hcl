test "a" {
  playbook = "p.hcl"
  now      = "Monday"
  vars     = ["x"]
  node "n" {
    vars = "x"
    file "/etc/x" {
      content = "x"
      mode    = 0600
      owner   = "root"
    }
  }
  expect {
    change "/etc/x" {
      action   = "created"
      kind     = "folder"
      contains = ["", "x"]
    }
  }
}
test "b" {
  playbook = "p.hcl"
  node "n" {}
  expect {
    change "/etc/x" {
      action   = "created"
      kind     = "folder"
    }
    change "/etc/y" { contains = ["", "x"] }
  }
}
