# What audit-5p.hcl does to a master, tried without one: hcrun test playbooks/audit-5p.test.hcl

defaults {
  playbook = "audit-5p.hcl"
  now      = "2026-11-30T20:00:00-05:00" # a Monday evening in the window
  node "master1" {
    file "/etc/kubernetes/manifests/kube-apiserver.yaml" {
      content = file("testdata/kube-apiserver.yaml") # as kubeadm wrote it
      mode    = "0600"
    }
  }
}

test "adds the flags, the policy and the log" {
  expect {
    order = ["scp.policy", "mkdir.log_dir", "touch.log", "backup.manifest", "yaml-patch.manifest"]
    change "/etc/kubernetes/audit-policy.yaml" {
      action = "create"
      mode   = "0600"
      equals = file("files/audit-policy.yaml")
    }
    change "/var/log/kubernetes" {
      kind = "dir"
      mode = "0700"
    }
    change "/root/kube-apiserver.yaml.pre-audit" {
      equals = file("testdata/kube-apiserver.yaml")
    }
    diff = file("testdata/audit-5p.diff")
  }
}

test "variables reach the manifest" {
  vars = { retention_days = 7, max_size_mib = 100 }
  expect {
    change "/etc/kubernetes/manifests/kube-apiserver.yaml" {
      action   = "replace"
      mode     = "0600"
      contains = ["- --audit-log-maxage=7\n", "- --audit-log-maxsize=100\n"]
      lacks    = ["audit-log-maxage=14"]
    }
  }
}

test "logs of any age are refused" {
  vars = { retention_days = 0 }
  expect {
    refuse = "0 would keep logs of any age"
    code   = 2
  }
}

test "a manifest that is a link is refused" {
  node "master1" {
    link "/etc/kubernetes/manifests/kube-apiserver.yaml" { to = "/somewhere/else" }
  }
  expect { code = 50 }
}

test "a pod that does not come back is undone, the manifest first" {
  check "wait-for-pod.apiserver" { fails = "no new container within 3m" }
  expect {
    rolled_back = ["yaml-patch.manifest", "backup.manifest", "touch.log", "mkdir.log_dir", "scp.policy"]
    refuse      = "no new container within 3m"
  }
}

test "a silent Loki stops it before the first write" {
  check "loki-query.shipped" { unavailable = "connection refused" }
  expect { code = 60 }
}

test "a full disk stops it before the first write" {
  check "assert.headroom" { unavailable = "800MiB are needed, and 12MiB are free" }
  expect { refuse = "12MiB are free" }
}

test "another master that is not ready holds it" {
  gate "http-check.peers_ready" { refuses = "readyz answers 500" }
  expect {
    code   = 10
    refuse = "readyz answers 500"
  }
}

test "another master that fails meanwhile undoes it" {
  gate "http-check.peers_ready" { refuses_after = "readyz answers 500" }
  expect { code = 21 }
}

test "the second master waits for a day" {
  node "master2" {}
  past {
    node   = "master1"
    landed = "2026-11-30T19:30:00-05:00"
  }
  expect {
    held  = "soak"
    until = "2026-12-01T19:30:00-05:00"
  }
}

test "not at noon" {
  now = "2026-11-30T12:00:00-05:00"
  expect { held = "window" }
}

test "not before the first" {
  node "master3" {}
  expect { held = "order" }
}
