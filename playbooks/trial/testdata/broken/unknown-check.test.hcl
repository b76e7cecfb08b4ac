defaults {
  playbook = "../playbook.hcl"
  node "n" {}
}
test "no such check" {
  check "assert.romm" { fails = "no room" }
  gate "http-check.peer" { refuses = "no" }
  expect { code = 21 }
}
test "a step that is no check" {
  check "scp.hello" { fails = "no" }
  expect { code = 21 }
}
test "a variable that there is not" {
  vars = { greting = "x" }
  expect { code = 2 }
}
