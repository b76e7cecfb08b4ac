//go:build race

package engine_test

// stride is how many of the second crash points are passed over for each first one; over all first
// points every second one is hit. The race detector makes each many times slower.
const stride = 3

// simulations is how many histories TestSimulator plays.
const simulations = 200
