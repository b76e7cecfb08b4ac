default {
  playbook = "p.hcl"
}
test "a" {
  playbok = "p.hcl"
  nodes "n" {}
  expect {
    orders = []
    chnage "/etc/x" {}
  }
}
