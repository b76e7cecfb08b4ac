// Package fake has a node and a journal in memory, as strict as the real ones, with a fuse that ends
// them at a chosen point. Tests of the engine use it, and so do playbooks that are tried without a machine.
package fake
