package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
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
	}, a.exportCmd(), a.importCmd())
	return c
}

func (a *app) exportCmd() *cobra.Command {
	var to string
	var withKey bool
	c := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a run to one file, with which another operator or another machine can take it up",
		Long: `RUN is a run's id, the beginning or end of it, or a node's name for its newest run. The file has the run's journal and
every content that it names, each with its hash; it is for its owner only, and no file is overwritten. Sealed contents
go along sealed, and the key that opens them stays here, unless --with-key. Nothing is changed. Once somebody has
imported the run, go on with it there and not here.`,
		Args: exactly(1, 1, "one run"),
		RunE: func(c *cobra.Command, args []string) error { return a.export(c.Context(), args[0], to, withKey) },
	}
	c.Flags().StringVar(&to, "to", "", "the file (default RUN.hcrun in the working folder)")
	c.Flags().BoolVar(&withKey, "with-key", false, "take the key along that opens the run's sealed contents: who has the file can read them")
	return c
}

func (a *app) importCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Take a run in that was exported elsewhere",
		Long: `Everything in FILE is verified before anything is written. Where the run is here already, the records here have to be
the first of those in FILE; they are completed. A key that came with it is put behind those in seal.key. Import only what
you got from somebody you trust: what a run has on record is what a rollback writes to its node, as root. The head that
is shown tells whether it is the journal that was exported.`,
		Args: exactly(1, 1, "one file"),
		RunE: func(c *cobra.Command, args []string) error { return a.importRun(c.Context(), args[0]) },
	}
}

// exported finds the run to export; others may be damaged.
func exported(store *journal.Store, name string) (string, error) {
	id, err := store.Find(name)
	if err == nil {
		return id, nil
	}
	if r, _ := newestOn(store, name); r != nil {
		return r.ID, nil
	}
	return "", err
}

func (a *app) export(ctx context.Context, name, to string, withKey bool) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	id, err := exported(store, name)
	if err != nil {
		return err
	}
	if to == "" {
		to = id + ".hcrun"
	}
	lock, err := store.Share()
	if err != nil {
		return err
	}
	defer lock.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usage("%s is there already and is not overwritten; name another file with --to", to)
	}
	if err != nil {
		return usage("--to %s: %v", to, err)
	}
	x, err := writeOut(ctx, f, store, id, withKey)
	if err != nil {
		os.Remove(to)
		if _, said := errors.AsType[*engine.Problem](err); said || ctx.Err() != nil {
			return err
		}
		return usage("--to %s: %v", to, err)
	}
	a.note("%s: run %s, %s, %d records, %d contents, head %.16s", to, id, ui.RunState(x.Run), x.Records, x.Contents, x.Head)
	if x.Torn > 0 {
		a.note("a torn tail of %d bytes stays here: it was never acknowledged", x.Torn)
	}
	switch {
	case x.HasKey:
		a.note("warning: %s has the key that opens the %d sealed contents, and whatever else that key has sealed: who has the file can read them; remove it when it was imported", to, x.Sealed)
	case x.Sealed > 0:
		a.note("%d of the contents are sealed and their key stays here: to resume the run elsewhere or roll it back, the key is needed there (--with-key takes it along)", x.Sealed)
	case withKey:
		a.note("none of the contents is sealed: no key went along")
	}
	if x.Run.Open() {
		a.note("the run is unfinished: once it is imported elsewhere, do not go on with it here")
	}
	a.note("next: hcrun journal import %s   (there)", filepath.Base(to))
	return nil
}

// writeOut fills the file, durably.
func writeOut(ctx context.Context, f *os.File, store *journal.Store, id string, withKey bool) (*journal.Exported, error) {
	w := bufio.NewWriterSize(f, 256<<10)
	x, err := store.Export(ctx, w, id, withKey)
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	folder, err := os.Open(filepath.Dir(f.Name()))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return x, folder.Sync()
}

func (a *app) importRun(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return usage("%v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return usage("%s is not a plain file", path)
	}
	p, err := journal.ReadParcel(ctx, f, info.Size(), path)
	if err != nil {
		return err
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	lock, err := store.Lock("journal import " + p.Run.ID)
	if err != nil {
		return err
	}
	defer lock.Close()
	in, err := store.Import(ctx, p)
	if err != nil {
		return err
	}
	a.showImport(store, p, in)
	return nil
}

// showImport says what was imported and what can be done with it.
func (a *app) showImport(store *journal.Store, p *journal.Parcel, in *journal.Imported) {
	r := p.Run
	a.note("run %s: %s on %s, %s, %d records, %d contents, head %.16s", r.ID, ui.Line(r.Playbook), ui.Line(r.Node), ui.RunState(r), p.Records, p.Contents, p.Head)
	switch {
	case in.Before == p.Records && in.Written == 0:
		a.note("it was here already, with the same records")
	case in.Before > 0:
		a.note("it was here with %d records; it has %d now, and %d contents were added", in.Before, p.Records, in.Written)
	}
	seal := filepath.Join(store.Dir(), "seal.key")
	if in.KeyAdded {
		a.note("its key is in %s now; remove %s: who has that can read what the key has sealed", seal, p.Name())
	}
	if in.Unread > 0 {
		a.note("%d of its contents are sealed with a key that is not here: resume and rollback of this run need it", in.Unread)
		a.note("  where it comes from: hcrun journal export %s --with-key --to FILE, then import that; or add the line of the key there to %s", r.ID, seal)
	}
	inventory := ""
	if _, err := os.Stat(r.Inventory); err != nil {
		inventory = " -i FILE"
		a.note("its inventory %s is not on this machine: name one with -i that has %s at %s", ui.Line(r.Inventory), ui.Line(r.Node), ui.Line(r.Address))
	}
	switch {
	case r.Dirty():
		a.note("next: hcrun takeover %s --reason TEXT%s   (whoever had it can write nothing more), then", r.ID, inventory)
		a.note("      hcrun resume %s%s   or: hcrun rollback %s%s", r.ID, inventory, r.ID, inventory)
	case r.Open():
		a.note("it has written nothing, and nothing has to be taken over; next: hcrun apply, again")
	default:
		a.note("it has ended: guards count it as if it had been done from here; next: hcrun show %s", r.ID)
	}
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
	var damaged []error
	for _, id := range ids {
		report, err := verifyOne(store, id)
		if err != nil {
			a.note("%s: %v", id, err)
			damaged = append(damaged, err)
			if p, ok := errors.AsType[*engine.Problem](err); ok && p.Next != "" && len(ids) > 1 {
				a.note("  next: %s", p.Next)
			}
			continue
		}
		a.note("%s: %d records, %d contents, head %.16s, torn tail of %d bytes", id, report.Records, report.Blobs, report.Head, report.Torn)
	}
	switch len(damaged) {
	case 0:
		return nil
	case 1:
		return damaged[0]
	}
	p := engine.Problemf(engine.CodeOf(damaged[0]), "%d journals of %d are not whole; see above", len(damaged), len(ids))
	p.Next = "what is named above, for each"
	return p
}

// verifyOne checks one journal, its contents, and that its records can follow on each other. What is said to be next is
// what helps, and not to verify it once more.
func verifyOne(store *journal.Store, id string) (journal.Report, error) {
	events, err := store.Read(id)
	if err == nil && len(events) > 0 {
		if _, err = engine.Fold(events); err != nil {
			err = engine.Problemf(engine.Corrupt, "run %s: %w; a newer hcrun may have written it", id, err)
		}
	}
	if err != nil {
		return journal.Report{}, setAside(store, id, err)
	}
	report, err := store.Verify(id)
	if p, ok := errors.AsType[*engine.Problem](err); ok && p.Next == "" {
		named := *p
		named.Next = "hcrun journal import FILE   (of an intact copy: it brings back what is lost or changed here). Only this run's own resume and rollback need it"
		err = &named
	}
	return report, err
}

// setAside says how to go on without a damaged journal: as long as it is there no guard can be decided. The nodes have
// on record what came of their runs, and who holds them.
func setAside(store *journal.Store, id string, err error) error {
	p, ok := errors.AsType[*engine.Problem](err)
	if !ok || p.Code != engine.Corrupt {
		return err
	}
	named := *p
	path := store.Path(id)
	named.Now = "nothing is begun from this state folder while it is there; the nodes hold all the same: their ledgers have what came of runs, and their claims who is at work"
	named.Next = "mv " + path + " " + path + ".away   (it stays to be looked at), then hcrun journal import FILE, of an intact copy, where there is one"
	return &named
}
