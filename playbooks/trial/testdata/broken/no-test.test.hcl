defaults {
  playbook = "p.hcl"
}
