include "files/../files/cycle-a.hcl" {}
