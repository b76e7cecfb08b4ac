test "a" {
  playbook = "p.hcl"
  node "n" {}
}
