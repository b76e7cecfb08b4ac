lab {
  pace = 20
}
host "a" { address = "10.0.0.1" }
