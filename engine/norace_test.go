//go:build !race

package engine_test

// stride visits every pair of crash points.
const stride = 1
