test {
  expect { unchanged = true }
}
test "" {
  expect { unchanged = true }
}
test "a\nb" {
  expect { unchanged = true }
}
test "c" {
  playbook = "p.hcl"
  node "a node" {}
  expect { unchanged = true }
}
