//go:build !race

package cli

// stride lets TestDamage try every damage there is.
const stride = 1
