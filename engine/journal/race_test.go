//go:build race

package journal

// raced: the race detector takes memory and time of its own, and bounds on them mean nothing.
const raced = true
