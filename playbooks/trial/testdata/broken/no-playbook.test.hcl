test "a typing error is no refusal" {
  playbook = "nowhere.hcl"
  node "n" {}
  expect { code = 2 }
}
