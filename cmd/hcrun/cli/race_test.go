//go:build race

package cli

// stride is how many damages TestDamage passes over for each that it tries. The race detector makes each many
// times slower. It shares no factor with the bits of a byte, so that each of them is met.
const stride = 61
