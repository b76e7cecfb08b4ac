# Three throwaway masters that hcrun starts on this machine (Linux); nothing else is needed to reach them.

lab {
  pace = 20 # every wait takes a twentieth of its time
}

# Lab masters have no systemd.
host "master1" { switch = "weak" }
host "master2" { switch = "weak" }
host "master3" { switch = "weak" }

group "control_plane" {
  hosts = ["master1", "master2", "master3"]
}
