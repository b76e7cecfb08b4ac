host "a" {
}
