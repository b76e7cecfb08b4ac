test "expects nothing" {
  playbook = "p.hcl"
  node "n" {}
  expect {}
}
test "a check without an answer" {
  playbook = "p.hcl"
  node "n" {}
  check "assert.x" {}
  gate "http-check.y" {}
  expect { unchanged = true }
}
