defaults {}
defaults {}
test "a" {
  playbook = "p.hcl"
  node "n" {}
  check "assert.x" { fails = "a" }
  check "assert.x" { fails_on_rollback = "b" }
  expect {
    change "/etc/x" {}
    change "/etc/x" {}
  }
}
test "a" {
  playbook = "p.hcl"
  node "n" {}
  expect { unchanged = true }
}
