package lang

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Text is a known value without marks on one line, as it is written in a playbook.
func Text(v cty.Value) string {
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return "(unknown)"
	case v.IsNull():
		return "null"
	case ty == cty.String:
		return quote(v.AsString())
	case ty == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	case ty == cty.Bool:
		return fmt.Sprint(v.True())
	case !v.CanIterateElements():
		return "(" + ty.FriendlyName() + ")"
	}
	named := ty.IsMapType() || ty.IsObjectType()
	var parts []string
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		part := Text(e)
		if named {
			name := k.AsString()
			if !hclsyntax.ValidIdentifier(name) {
				name = quote(name)
			}
			part = name + " = " + part
		}
		parts = append(parts, part)
	}
	switch {
	case named && parts == nil:
		return "{}"
	case named:
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// quote is a text as a literal: templates in it are escaped, and so is all that is not printed.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteString(string(r) + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
