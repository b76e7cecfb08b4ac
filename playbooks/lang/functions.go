package lang

import (
	"maps"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Functions are what every expression may call: the functions of the Terraform family that depend on
// nothing but their arguments, and env, which asks lookup. Nothing asks the clock or for randomness.
func Functions(lookup func(string) (string, bool)) map[string]function.Function {
	all := map[string]function.Function{
		"env": envFunc(lookup),
		"try": discreetly(tryfunc.TryFunc),
		"can": discreetly(tryfunc.CanFunc),
	}
	maps.Copy(all, numbers())
	maps.Copy(all, texts())
	maps.Copy(all, collections())
	maps.Copy(all, conversions())
	return all
}

func numbers() map[string]function.Function {
	return map[string]function.Function{
		"abs":      stdlib.AbsoluteFunc,
		"ceil":     stdlib.CeilFunc,
		"floor":    stdlib.FloorFunc,
		"log":      stdlib.LogFunc,
		"max":      stdlib.MaxFunc,
		"min":      stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc,
		"pow":      stdlib.PowFunc,
		"signum":   stdlib.SignumFunc,
		"sum":      sumFunc(),
	}
}

func texts() map[string]function.Function {
	return map[string]function.Function{
		"chomp":       stdlib.ChompFunc,
		"endswith":    test2("text", "suffix", hasSuffix),
		"format":      bounded(stdlib.FormatFunc),
		"formatlist":  bounded(stdlib.FormatListFunc),
		"indent":      stdlib.IndentFunc,
		"join":        stdlib.JoinFunc,
		"lower":       stdlib.LowerFunc,
		"regex":       stdlib.RegexFunc,
		"regexall":    stdlib.RegexAllFunc,
		"replace":     replaceFunc(),
		"split":       stdlib.SplitFunc,
		"startswith":  test2("text", "prefix", hasPrefix),
		"strcontains": test2("text", "part", contains),
		"strlen":      stdlib.StrlenFunc,
		"strrev":      stdlib.ReverseFunc,
		"substr":      stdlib.SubstrFunc,
		"title":       stdlib.TitleFunc,
		"trim":        stdlib.TrimFunc,
		"trimprefix":  stdlib.TrimPrefixFunc,
		"trimspace":   stdlib.TrimSpaceFunc,
		"trimsuffix":  stdlib.TrimSuffixFunc,
		"upper":       stdlib.UpperFunc,
		"formatdate":  stdlib.FormatDateFunc,
		"timeadd":     stdlib.TimeAddFunc,
		"basename":    text1("path", basename),
		"dirname":     text1("path", dirname),
	}
}

func collections() map[string]function.Function {
	return map[string]function.Function{
		"alltrue":         allTrueFunc(),
		"anytrue":         anyTrueFunc(),
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        stdlib.CoalesceFunc,
		"coalescelist":    stdlib.CoalesceListFunc,
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        stdlib.ContainsFunc,
		"distinct":        stdlib.DistinctFunc,
		"element":         stdlib.ElementFunc,
		"flatten":         stdlib.FlattenFunc,
		"index":           indexFunc(),
		"keys":            stdlib.KeysFunc,
		"length":          lengthFunc(),
		"lookup":          lookupFunc(),
		"merge":           stdlib.MergeFunc,
		"one":             oneFunc(),
		"range":           stdlib.RangeFunc,
		"reverse":         stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,
	}
}

func conversions() map[string]function.Function {
	return map[string]function.Function{
		"base64decode": base64DecodeFunc(),
		"base64encode": text1("text", base64Encode),
		"base64sha256": text1("text", base64SHA256),
		"csvdecode":    stdlib.CSVDecodeFunc,
		"jsondecode":   decodeFunc(jsonDecode),
		"jsonencode":   stdlib.JSONEncodeFunc,
		"md5":          text1("text", md5Hex),
		"sha1":         text1("text", sha1Hex),
		"sha256":       text1("text", sha256Hex),
		"sha512":       text1("text", sha512Hex),
		"urlencode":    text1("text", urlEncode),
		"yamldecode":   decodeFunc(yamlDecode),
		"yamlencode":   yamlEncodeFunc(),
		"tobool":       stdlib.MakeToFunc(cty.Bool),
		"tolist":       stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":        stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber":     stdlib.MakeToFunc(cty.Number),
		"toset":        stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring":     stdlib.MakeToFunc(cty.String),
	}
}
