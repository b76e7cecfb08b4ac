//go:build !race

package engine_test

// stride visits every pair of crash points.
const stride = 1

// simulations is how many histories TestSimulator plays.
const simulations = 3000
