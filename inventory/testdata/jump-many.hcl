host "master1" {
  address = "10.0.0.1"
  jump    = ["a.x", "b.x", "c.x", "d.x", "e.x", "f.x", "g.x", "h.x", "i.x"]
}
