lab {
  pace = 0.5
}
host "a" {
}
