defaults {
  playbook = "p.hcl"
  node "n" {}
}
test "without now" {
  past {
    node   = "m"
    landed = "2026-11-29T20:00:00Z"
  }
  expect { held = "soak" }
}
test "no such guard" {
  now = "2026-11-30T20:00:00Z"
  expect { held = "soaks" }
}
test "when is it" {
  now = "2026-11-30T20:00:00Z"
  past { node = "m" }
  past {
    node        = "m"
    landed      = "2026-11-29T20:00:00Z"
    rolled_back = "2026-11-29T21:00:00Z"
  }
  past {
    node   = "m"
    landed = "2026-12-29T20:00:00Z"
  }
  expect { held = "soak" }
}
test "until what" {
  now = "2026-11-30T20:00:00Z"
  expect { until = "2026-12-29T20:00:00Z" }
}
