test "a" {
  playbook = "p.hcl"
  node "n" { files = { "/etc/x" = env("HOME") } }
  vars = { a = var.a, b = local.b, c = fille("x") }
  expect { unchanged = true }
}
