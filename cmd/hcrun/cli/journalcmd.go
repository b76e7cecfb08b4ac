package cli

import (
	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine"
)

func (a *app) journalCmd() *cobra.Command {
	c := parent(&cobra.Command{Use: "journal", Short: "The journals themselves"})
	c.AddCommand(&cobra.Command{
		Use:   "verify [RUN]",
		Short: "Check the hash chain of one journal, or of all, and every content beside it",
		Args:  exactly(0, 1, "at most one run"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.verify(args)
		},
	})
	return c
}

func (a *app) verify(args []string) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	ids, err := store.IDs()
	if err != nil {
		return err
	}
	if len(args) == 1 {
		id, err := store.Find(args[0])
		if err != nil {
			return err
		}
		ids = []string{id}
	}
	var first error
	for _, id := range ids {
		report, err := store.Verify(id)
		if err != nil {
			a.note("%s: %v", id, err)
			if first == nil {
				first = err
			}
			continue
		}
		a.note("%s: %d records, %d contents, head %.16s, torn tail of %d bytes", id, report.Records, report.Blobs, report.Head, report.Torn)
	}
	if first != nil && len(ids) > 1 {
		return engine.Problemf(engine.CodeOf(first), "not every journal is whole; see above")
	}
	return first
}
