host "a" {
  address = "10.0.0.1"
  jump    = ["b"]
}
host "b" {
  address = "10.0.0.2"
  jump    = ["c"]
}
host "c" {
  address = "10.0.0.3"
  jump    = ["a"]
}
host "d" {
  address = "10.0.0.4"
  jump    = ["a"]
}
