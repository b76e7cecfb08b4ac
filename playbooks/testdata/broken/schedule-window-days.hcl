playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    days = ["mon", "tuesday"]
    from = "19:00"
    to   = "23:00"
  }
  window {
    days = ["Fri", "mon-wed"]
    from = "22:00"
    to   = "02:00"
  }
  window {
    days = "mon"
    from = "22:00"
    to   = "02:00"
  }
}
