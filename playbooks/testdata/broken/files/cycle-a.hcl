include "files/cycle-b.hcl" {}
