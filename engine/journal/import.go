package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
)

// Imported is what Import has done.
type Imported struct {
	Before   int  // records that were here before
	Written  int  // contents that were not
	Unread   int  // sealed contents that no key here opens
	KeyAdded bool // a key of the parcel is in the folder's seal.key now
}

// journalTemp is the journal's name among the contents until it is whole: what is left of an import that died has
// no record, and so is the run's leftover.
const journalTemp = tempPrefix + "journal"

// Import takes a parcel's run into the store; whoever calls it holds the lock. Where the run is here already its
// records have to be the first of the parcel's: then the journal is replaced, and what else is here stays. All that
// can be found out is found out before anything is written. The key goes first, the contents next, and the journal
// last, durably, by a rename: a crash never leaves a record without what it names.
func (s *Store) Import(ctx context.Context, p *Parcel) (*Imported, error) {
	in := &importing{Store: s, p: p, id: p.manifest.Run}
	if err := in.compare(ctx); err != nil {
		return nil, err
	}
	if err := in.inspect(ctx); err != nil {
		return nil, err
	}
	if err := in.write(ctx); err != nil {
		if errors.Is(err, errChanged) {
			return nil, p.refuse(err)
		}
		if _, said := errors.AsType[*engine.Problem](err); said || ctx.Err() != nil {
			return nil, err
		}
		return nil, notDurable("import run "+in.id, err)
	}
	return &in.Imported, nil
}

// importing is a parcel on its way into the store.
type importing struct {
	Imported
	*Store
	p     *Parcel
	id    string
	here  bool   // there is a journal
	torn  []byte // of the journal here, and not in the parcel's
	lacks []int  // files of the parcel to be written
	made  []string
}

// compare refuses a run that is not the beginning of the parcel's.
func (in *importing) compare(ctx context.Context) error {
	_, err := os.Lstat(in.path(in.id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	f, c, err := in.load(in.id, os.O_RDONLY)
	if engine.CodeOf(err) == engine.Corrupt {
		return engine.Problemf(engine.Corrupt, "%w\n%s", err, in.instead())
	}
	if err != nil {
		return err
	}
	defer f.Close()
	in.here, in.Before = true, len(c.events)
	refuse := func(code engine.Code, next, format string, args ...any) error {
		p := engine.Problemf(code, format, args...)
		p.Now, p.Next = "nothing was imported", next
		return p
	}
	theirs := in.p.section(0)
	same, err := sameUpTo(f, theirs, min(c.good, theirs.Size()))
	switch {
	case err != nil:
		return err
	case !same:
		return refuse(engine.Corrupt, "hcrun --state ANOTHER_FOLDER journal import "+in.p.name+"   (to look at it)",
			"run %s is here with other records than in %s: somebody went on with it in two places, or one of the two was changed\n%s", in.id, in.p.name, in.instead())
	case c.good > theirs.Size():
		return refuse(engine.Invalid, "hcrun show "+in.id,
			"run %s is here already and goes on: it has %d records, and %s has %d", in.id, len(c.events), in.p.name, in.p.Records)
	}
	all := c.good + int64(len(c.torn))
	if whole, err := sameUpTo(f, theirs, min(all, theirs.Size())); err != nil {
		return err
	} else if !whole || all > theirs.Size() {
		in.torn = c.torn
	}
	return ctx.Err()
}

// instead says how the parcel's run can take the place of the one here, where somebody has decided that.
func (in *importing) instead() string {
	return fmt.Sprintf("if the one in the file is to count: mv %[1]s %[1]s.away, then the same command again", in.path(in.id))
}

// sameUpTo compares the first n bytes.
func sameUpTo(a, b io.ReaderAt, n int64) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < n; at += int64(len(x)) {
		k := min(int64(len(x)), n-at)
		if _, err := a.ReadAt(x[:k], at); err != nil && err != io.EOF {
			return false, err
		}
		if _, err := b.ReadAt(y[:k], at); err != nil && err != io.EOF {
			return false, err
		}
		if !bytes.Equal(x[:k], y[:k]) {
			return false, nil
		}
	}
	return true, nil
}

// inspect finds out which contents are not here, and which no key opens.
func (in *importing) inspect(ctx context.Context) error {
	if err := checkFolder(in.blobs(in.id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	keys, err := in.seal.present()
	if err != nil {
		return err
	}
	keys = slices.Concat(keys, in.p.keys)
	for i, e := range in.p.manifest.Files {
		hash, isSealed := e.content()
		if hash == "" {
			continue
		}
		readable := true
		if isSealed {
			key, err := opener(ctx, keys, hash, in.p.section(i))
			if err != nil {
				return in.p.refuse(fmt.Errorf("%s: %w", e.Name, err))
			}
			readable = key != nil
		}
		lacks, opened, err := in.misses(ctx, e, readable, keys)
		if err != nil {
			return err
		}
		if lacks {
			in.lacks = append(in.lacks, i)
		}
		if !readable && !opened {
			in.Unread++
		}
	}
	in.Written = len(in.lacks)
	return nil
}

// misses reports whether a content of the parcel has to be written, and whether what is here can be read. What is
// here stays as long as it can be read, whoever sealed it.
func (in *importing) misses(ctx context.Context, e entry, readable bool, keys []age.Identity) (lacks, opened bool, err error) {
	hash, isSealed := e.content()
	for _, ext := range []string{"", sealedExt} {
		f, own, err := in.openBlob(in.id, hash+ext)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, false, err
		}
		sum, err := sumOfAll(ctx, own)
		var key age.Identity
		var damage error
		if err == nil && ext != "" {
			key, damage = opener(ctx, keys, hash, own)
		}
		f.Close()
		switch {
		case err != nil:
			return false, false, err
		case ctx.Err() != nil:
			return false, false, context.Cause(ctx)
		case ext == "" && sum == hash, key != nil:
			return false, true, nil
		case ext == "" || damage != nil || !isSealed || readable:
			continue
		case sum == e.Sum:
			return false, false, nil
		}
		p := engine.Problemf(engine.Corrupt, "a content of run %s is sealed here with another key than in %s, and neither key is in %s: one of the two would be lost", in.id, in.p.name, in.seal.path)
		p.Now, p.Next = "nothing was imported", "add the line of one of the two keys to "+in.seal.path+", then the same command again"
		return false, false, p
	}
	return true, false, nil
}

// write makes everything durable, the journal last. What it has made before an error goes again, where that is
// still possible.
func (in *importing) write(ctx context.Context) (err error) {
	named := false // the journal has its name, and needs all of it
	defer func() {
		if err == nil || named {
			return
		}
		if !in.here {
			in.made = append(in.made, in.blobs(in.id))
		}
		for _, path := range in.made {
			_ = in.disk.remove(path)
		}
	}()
	if in.p.Sealed > 0 {
		if in.KeyAdded, err = in.seal.add(in.p.keys); err != nil {
			return err
		}
	}
	dir := in.blobs(in.id)
	if err := makeDir(in.disk, dir); err != nil {
		return err
	}
	for _, i := range in.lacks {
		hash, isSealed := in.p.manifest.Files[i].content()
		if isSealed {
			hash += sealedExt
		}
		temp := filepath.Join(dir, tempPrefix+hash)
		if err := in.put(ctx, i, temp); err != nil {
			return err
		}
		if err := in.disk.rename(temp, filepath.Join(dir, hash)); err != nil {
			return err
		}
		if !in.here {
			in.made = append(in.made, filepath.Join(dir, hash))
		}
	}
	temp := filepath.Join(dir, journalTemp)
	if err := in.put(ctx, 0, temp); err != nil {
		return err
	}
	if err := in.disk.syncDir(dir); err != nil {
		return err
	}
	if len(in.torn) > 0 {
		if err := in.setAside(in.id, in.torn); err != nil {
			return err
		}
	}
	if err := in.disk.rename(temp, in.path(in.id)); err != nil {
		return err
	}
	named = true
	return in.disk.syncDir(in.runs())
}

// put writes a file of the parcel, durably but for its name.
func (in *importing) put(ctx context.Context, i int, path string) error {
	f, err := in.disk.open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	in.made = append(in.made, path)
	err = in.p.copy(ctx, io.NewOffsetWriter(f, 0), i)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
