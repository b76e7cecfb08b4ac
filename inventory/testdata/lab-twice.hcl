lab {
}
lab {
}
host "a" {
}
