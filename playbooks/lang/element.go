package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ElementRange is where the value of a key is written, the whole expression's place where that cannot be
// told.
func ElementRange(expr hclsyntax.Expression, key string) hcl.Range {
	return element(expr, cty.StringVal(key)).Range()
}
