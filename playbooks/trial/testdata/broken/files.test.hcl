defaults { playbook = "p.hcl" }
test "outside" {
  node "n" { files = { "/etc/x" = file("../outside") } }
  expect { unchanged = true }
}
test "not there" {
  node "n" { files = { "/etc/x" = file("nowhere") } }
  expect { unchanged = true }
}
test "no golden file" {
  node "n" {}
  expect { diff = file("nowhere.diff") }
}
test "not text" {
  node "n" {}
  expect { diff = 7 }
}
