# Three kubeadm masters, reached as root@masterN.${SECRET_DOMAIN}. This is the inventory that hcrun uses
# when none is named with -i; make it yours.

defaults {
  user = "root"
  port = 22
}

host "master1" { address = "master1.${env("SECRET_DOMAIN")}" }
host "master2" { address = "master2.${env("SECRET_DOMAIN")}" }
host "master3" { address = "master3.${env("SECRET_DOMAIN")}" }

group "control_plane" {
  hosts = ["master1", "master2", "master3"]
}
