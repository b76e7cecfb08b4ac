playbook "p" {
  hosts = "control_plane"
}

task "copy" "a" {
  for_each    = 3
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "b" {
  for_each    = ["x", "x"]
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "c" {
  for_each    = ["with space"]
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "d" {
  for_each    = [1, 2]
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "e" {
  for_each    = { a = "1" }
  source      = "files/motd"
  destination = "etc/${each.vale}"
}
task "copy" "f" {
  for_each    = [for i in range(1001) : "n${i}"]
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "g" {
  for_each    = [for i in range(3) : "n${i}"]
  source      = "files/motd"
  destination = "etc/${each.value}"
}
