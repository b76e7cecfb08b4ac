playbook = "p.hcl"
test "a" {
  playbook = "p.hcl"
  node "n" {}
  expect { unchanged = true }
}
