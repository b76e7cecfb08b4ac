# Every sort of expectation, not met. What is said of each is in fails.golden.
defaults {
  playbook = "playbook.hcl"
  node "n" { files = { "/etc/motd" = "welcome\n" } }
}

test "another order" {
  expect { order = ["mkdir.dir", "scp.hello"] }
}

test "another change" {
  expect {
    change "/etc/hello" {
      action   = "replace"
      kind     = "dir"
      mode     = "0644"
      owner    = "1:1"
      equals   = "good day from n, 1 times\n"
      contains = ["to n"]
      lacks    = ["from n"]
    }
    change "/etc/helo" {}
  }
}

test "something to do" {
  expect { unchanged = true }
}

test "another diff" {
  vars = { count = 2 }
  expect { diff = file("want.diff") }
}

test "refused" {
  vars = { greeting = "" }
  expect { unchanged = true }
}

test "refused otherwise" {
  vars = { greeting = "" }
  expect {
    refuse = "a greeting is needed"
    code   = 42
  }
}

test "not refused" {
  expect { refuse = "no" }
}

test "not undone" {
  expect { rolled_back = ["scp.hello"] }
}

test "undone otherwise" {
  check "assert.there" { fails = "it is not there" }
  expect { rolled_back = ["scp.hello", "mkdir.dir"] }
}

test "stopped before" {
  check "assert.there" { unavailable = "it cannot be asked" }
  expect { rolled_back = [] }
}

test "held" {
  now = "2026-11-30T20:00:00Z"
  expect { order = ["scp.hello", "mkdir.dir"] }
}

test "held by another" {
  now = "2026-11-30T20:00:00Z"
  past {
    node   = "m"
    landed = "2026-11-30T12:00:00Z"
  }
  expect {
    held  = "order"
    until = "2026-12-01T12:00:01Z"
  }
}

test "not held" {
  now = "2026-11-30T20:00:00Z"
  past {
    node   = "m"
    landed = "2026-11-20T12:00:00Z"
  }
  expect { held = "soak" }
}

test "nothing to hold" {
  now = "2026-11-30T20:00:00Z"
  node "n" {
    file "/etc/hello" {
      content = "hello from n, 1 times\n"
      mode    = "0600"
    }
    dir "/var/log/hello" { mode = "0700" }
  }
  expect { held = "order" }
}

test "refused before it could be held" {
  now  = "2026-11-30T20:00:00Z"
  vars = { greeting = "" }
  expect { held = "order" }
}

test "eventful, unexpected" {
  check "assert.said" { fails = "it says nothing" }
  expect { order = ["scp.hello", "mkdir.dir"] }
}

test "not eventful" {
  expect { eventful = true }
}

test "never asked" {
  check "assert.room" { unavailable = "it cannot be asked" }
  check "assert.there" { fails = "no" }
  check "assert.said" { fails_on_rollback = "no" }
  gate "http-check.peers" { refuses_after = "no" }
  expect { code = 60 }
}
