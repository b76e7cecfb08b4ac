package tasks

import "github.com/hcrun/hcrun/engine"

// DocText is the documentation of the kind called name as plain text; of all kinds in one line each when name is "".
func DocText(kinds []engine.Kind, name string) (string, error) { panic("being written") }

// DocMarkdown is the documentation of the kinds as one Markdown page.
func DocMarkdown(kinds []engine.Kind) (string, error) { panic("being written") }
