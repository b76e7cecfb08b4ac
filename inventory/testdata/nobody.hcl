defaults {
  user = "root"
}
