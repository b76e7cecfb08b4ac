include "files/self.hcl" {}
