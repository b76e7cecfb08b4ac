task "probe" "x" {
  url  = var.mine
  args = [local.mine, each.key]
}
