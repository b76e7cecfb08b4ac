package cli

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

// veiled is a writer that hides the secrets known so far: the last line before a screen, a pipe or a file.
type veiled struct {
	w    io.Writer
	veil *engine.Veil
}

func (v *veiled) Write(p []byte) (int, error) {
	if _, err := io.WriteString(v.w, v.veil.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unveil takes up again what a recorded run has to hide.
func (a *app) unveil(ctx context.Context, store *journal.Store, r *engine.Run) error {
	if r.Hidden == nil {
		return nil
	}
	in, err := store.Blob(ctx, r.ID, *r.Hidden)
	if err != nil {
		return err
	}
	defer in.Close()
	packed, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return a.veil.Unpack(packed)
}

// unveiled is unveil where to go on is worth more than to be discreet.
func (a *app) unveiled(ctx context.Context, store *journal.Store, r *engine.Run) {
	if err := a.unveil(ctx, store, r); err != nil {
		fmt.Fprintf(a.errOut, "warning: what run %s has to hide is not known, and could be shown: %v\n", r.ID, err)
	}
}

// panicked makes an error of a panic: the trace of a dying process would go past the veil.
func panicked(what any) error {
	p := engine.Problemf(engine.Bug, "this is a bug of hcrun: %v\n%s", what, debug.Stack())
	p.Now = "what had begun to be written is in the journal"
	p.Next = fmt.Sprintf("hcrun status   (version %s; please report the lines above)", version())
	return p
}
