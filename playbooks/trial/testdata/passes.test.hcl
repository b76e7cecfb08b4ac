# Every sort of expectation, met.
defaults {
  playbook = "playbook.hcl"
  node "n" {
    vars  = { disk = "ssd" }
    files = { "/etc/motd" = "welcome\n" }
  }
}

test "order and changes" {
  vars = { count = 2 }
  expect {
    order = ["scp.hello", "mkdir.dir"]
    change "/etc/hello" {
      action   = "create"
      kind     = "file"
      mode     = "0600"
      owner    = "0:0"
      equals   = "hello from n, 2 times\n"
      contains = ["from n", "2 times"]
      lacks    = ["goodbye"]
    }
  }
}

test "nothing to do" {
  node "n" {
    file "/etc/hello" {
      content = "hello from n, 1 times\n"
      mode    = "0600"
    }
    dir "/var/log/hello" { mode = "0700" }
  }
  expect { unchanged = true }
}

test "adjusts a mode, and leaves an owner" {
  node "n" {
    file "/etc/hello" {
      content = "hello from n, 1 times\n"
      mode    = "0644"
      owner   = "7:8"
    }
  }
  expect {
    change "/etc/hello" {
      action = "adjust"
      mode   = "0600"
      owner  = "7:8"
    }
  }
}

test "the diff" {
  expect { diff = file("want.diff") }
}

test "a value that its rule refuses" {
  vars = { greeting = "" }
  expect {
    refuse = "a greeting says something"
    code   = 2
  }
}

test "what an environment gives" {
  env = { HCRUN_VAR_greeting = "good day" }
  expect {
    change "/etc/hello" { contains = ["good day from n"] }
  }
}

test "an assertion of the node's variables" {
  node "n" { vars = { disk = "hdd" } }
  check "assert.room" { real = true }
  expect {
    refuse = "not on a spinning disk"
    code   = 42
  }
}

test "assertions that are asked for real hold" {
  check "assert.room" { real = true }
  check "assert.there" { real = true }
  check "assert.said" { real = true }
  expect { order = ["scp.hello", "mkdir.dir"] }
}

test "a symbolic link" {
  node "n" {
    link "/etc/hello" { to = "/etc/motd" }
  }
  expect { code = 50 }
}

test "undone" {
  check "assert.there" { fails = "it is not there" }
  expect {
    rolled_back = ["mkdir.dir", "scp.hello"]
    refuse      = "it is not there"
  }
}

test "the way back cannot be proven" {
  check "assert.there" { fails_on_rollback = "it is still there" }
  check "assert.said" { real = true }
  gate "http-check.peers" { refuses_after = "503" }
  expect { code = 22 }
}

test "lands eventfully" {
  check "assert.said" { fails = "it says nothing" }
  expect { eventful = true }
}

test "a gate" {
  gate "http-check.peers" { refuses = "503" }
  expect { code = 10 }
}

test "a gate after it" {
  gate "http-check.peers" { refuses_after = "503" }
  expect {
    code        = 21
    rolled_back = ["mkdir.dir", "scp.hello"]
  }
}

test "held by the soak" {
  now = "2026-11-30T20:00:00Z"
  past {
    node   = "m"
    landed = "2026-11-30T12:00:00Z"
  }
  expect {
    held  = "soak"
    until = "2026-12-01T12:00:00Z"
  }
}

test "held by a failure, not by an acknowledged one" {
  now = "2026-11-30T20:00:00Z"
  past {
    node   = "m"
    landed = "2026-11-20T12:00:00Z"
  }
  past {
    node        = "n"
    rolled_back = "2026-11-29T12:00:00Z"
  }
  expect { held = "clean" }
}

test "goes on after an acknowledgement" {
  now = "2026-11-30T20:00:00Z"
  past {
    node        = "n"
    rolled_back = "2026-11-29T12:00:00Z"
    acked       = true
  }
  past {
    node   = "m"
    landed = "2026-11-20T12:00:00Z"
  }
  expect { order = ["scp.hello", "mkdir.dir"] }
}

test "held by an open run of any playbook" {
  now = "2026-11-30T20:00:00Z"
  past {
    node       = "m"
    playbook   = "other"
    unverified = "2026-11-20T12:00:00Z"
  }
  expect { held = "open" }
}

test "held by other inputs" {
  now = "2026-11-30T20:00:00Z"
  past {
    node         = "m"
    landed       = "2026-11-20T12:00:00Z"
    other_inputs = true
  }
  expect { held = "inputs" }
}
