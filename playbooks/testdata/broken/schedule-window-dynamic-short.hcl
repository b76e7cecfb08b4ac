playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "2h"
  dynamic "window" {
    for_each = { sat = "10:00", sun = "17:00" }
    content {
      days = [window.key]
      from = window.value
      to   = "18:00"
    }
  }
  window {
    from = "19:00"
    to   = "20:00"
  }
}

task "probe" "pod" {
  url         = "https://x"
  timeout     = "5m"
  on_rollback = true
}
