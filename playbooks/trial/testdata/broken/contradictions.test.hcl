defaults {
  playbook = "p.hcl"
  now      = "2026-11-30T20:00:00Z"
  node "n" {}
}
test "unchanged and changed" {
  expect {
    unchanged = true
    order     = ["touch.x"]
  }
}
test "not unchanged" {
  expect { unchanged = false }
}
test "held and refused" {
  expect {
    held = "soak"
    code = 10
  }
}
test "eventful and rolled back" {
  expect {
    eventful    = true
    rolled_back = []
  }
}
test "ends well" {
  expect { code = 0 }
}
test "ends as nothing does" {
  expect { code = 99 }
}
test "real and played" {
  check "assert.x" {
    real  = true
    fails = "no"
  }
  check "assert.y" {
    fails       = "no"
    unavailable = "no"
  }
  expect { code = 21 }
}
test "a removed file has no mode" {
  expect {
    change "/etc/x" {
      action = "remove"
      mode   = "0600"
    }
  }
}
