# Three throwaway masters on this machine.

lab {
  pace = 40 # every wait, poll and keepalive takes a fortieth of its time
}

host "master1" { switch = "weak" }
host "master2" { switch = "weak" }
host "master3" { switch = "weak" }

group "control_plane" {
  hosts = ["master1", "master2", "master3"]
}
