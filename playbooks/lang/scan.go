package lang

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The limits of a file. The parser and the evaluation recurse, and a Go stack that overflows takes the
// process with it, so the depth is counted on the tokens, before anything recurses.
const (
	MaxSize      = 1 << 20 // bytes of a file
	MaxDepth     = 64      // brackets, braces, quotes and ${ within each other
	MaxOperators = 256     // operators, indexes and %{ in one expression: each is one level of recursion
	MaxBlocks    = 2000    // blocks of a file, at any depth
	MaxPieces    = 10000   // lines of heredocs and templates, and each "$" or "%" in a text: the parser joins them, in quadratic time
)

// scanText finds what makes a file no text.
func scanText(filename string, src []byte) hcl.Diagnostics {
	at := func(i int, what, instead string) hcl.Diagnostics {
		return Here(rangeAt(filename, src, i), what, instead)
	}
	switch {
	case len(src) > MaxSize:
		return Here(hcl.Range{Filename: filename}, fmt.Sprintf("the file is larger than %d KiB", MaxSize>>10), "an hcrun file holds text that a person reads; keep data in files of its own and send them with scp")
	case bytes.HasPrefix(src, []byte("\xef\xbb\xbf")):
		return at(0, "the file begins with a byte order mark", "save it as UTF-8 without a byte order mark (BOM)")
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return at(0, "the file is UTF-16", "save it as UTF-8")
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return at(i, "the file holds a NUL byte: it is not text", "")
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return at(i, "the file is not UTF-8", "save it as UTF-8")
		}
		i += n
	}
	return nil
}

// rangeAt is the place of one byte. Columns count characters.
func rangeAt(filename string, src []byte, i int) hcl.Range {
	line := 1 + bytes.Count(src[:i], []byte{'\n'})
	col := 1 + utf8.RuneCount(src[bytes.LastIndexByte(src[:i], '\n')+1:i])
	start := hcl.Pos{Line: line, Column: col, Byte: i}
	end := hcl.Pos{Line: line, Column: col + 1, Byte: min(i+1, len(src))}
	return hcl.Range{Filename: filename, Start: start, End: end}
}

// level is one bracket, brace, quote or ${ that is open.
type level struct {
	open      hclsyntax.TokenType
	operators int // so far in the expression that is being read there
}

// scanDepth refuses what would make the parser or the evaluation recurse too deeply.
func scanDepth(tokens hclsyntax.Tokens) hcl.Diagnostics {
	levels := []level{{open: hclsyntax.TokenOBrace}}
	pieces := 0
	for i, t := range tokens {
		if i > 0 && isText(t) && isText(tokens[i-1]) {
			pieces++
		}
		top := &levels[len(levels)-1]
		switch {
		case opens(t.Type):
			if t.Type == hclsyntax.TokenOBrack || t.Type == hclsyntax.TokenTemplateControl {
				top.operators++ // an index, or an if within the template
			}
			levels = append(levels, level{open: t.Type})
		case closes(t.Type):
			levels = levels[:max(1, len(levels)-1)]
		case t.Type == hclsyntax.TokenComma, t.Type == hclsyntax.TokenNewline && top.open == hclsyntax.TokenOBrace:
			top.operators = 0
		case operates(t.Type):
			top.operators++
		}
		if len(levels) > MaxDepth {
			return Here(t.Range, fmt.Sprintf("nested more than %d deep", MaxDepth), "use locals to take it apart")
		}
		if pieces > MaxPieces {
			return Here(t.Range, fmt.Sprintf("more than %d lines of text in quotes, heredocs or templates", MaxPieces), "keep long texts in files of their own, and read them with file() or send them with scp")
		}
		if top.operators > MaxOperators {
			return Here(t.Range, fmt.Sprintf("more than %d operators in one expression", MaxOperators), "use locals to take it apart")
		}
	}
	return nil
}

func isText(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenStringLit || t.Type == hclsyntax.TokenQuotedLit
}

func opens(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOQuote,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return true
	}
	return false
}

func closes(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		return true
	}
	return false
}

func operates(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenBang, hclsyntax.TokenQuestion:
		return true
	}
	return false
}
