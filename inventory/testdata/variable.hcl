host "a" { address = "a.${var.domain}" }
host "b" { address = file("x") }
