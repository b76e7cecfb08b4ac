host "master1" { address = "master1.${env("SECRET_DOMAIN")}" }
host "master2" { address = "master2.${env("EMPTY")}" }
