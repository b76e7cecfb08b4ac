defaults { playbook = "p.hcl" }
test "relative" {
  node "n" { files = { "etc/x" = "x" } }
  expect { unchanged = true }
}
test "twice" {
  node "n" {
    files = { "/etc/x" = "x" }
    link "/etc/x" { to = "/etc/y" }
  }
  expect { unchanged = true }
}
test "below a file" {
  node "n" { files = { "/etc/x" = "x", "/etc/x/y" = "y" } }
  expect { unchanged = true }
}
