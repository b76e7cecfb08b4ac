package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// A plan file is a zip archive: plan.json, and every file content that the plan would write under
// blobs/SHA256. What is on the node now is not in it; apply finds it there, or refuses. Secrets in it are
// sealed with the key of the state folder that it was made with.
const (
	planEntry   = "plan.json"
	hiddenEntry = "hidden.age"
	planVersion = 2
	maxPlanJSON = 64 << 20
)

// planFile is plan.json.
type planFile struct {
	Version   int                  `json:"version"`
	Source    string               `json:"source"`
	Inventory string               `json:"inventory"`
	Node      string               `json:"node"`
	Address   string               `json:"address"`
	Machine   string               `json:"machine,omitempty"`
	Name      string               `json:"name"`
	Hosts     string               `json:"hosts"`
	Schedule  engine.Schedule      `json:"schedule"`
	Confirm   engine.Confirm       `json:"confirm,omitzero"`
	Inputs    map[string]string    `json:"inputs"`
	Steps     []engine.PlannedStep `json:"steps"`
	Gates     []engine.PlannedGate `json:"gates"`
}

// isPlanFile tells a plan file from a playbook by its first bytes.
func isPlanFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.Equal(head, []byte("PK\x03\x04"))
}

// writePlan writes the plan for one node, whole or not at all.
func (ro *rollout) writePlan(ctx context.Context, path string, it intent) (err error) {
	p := planFile{Version: planVersion, Source: ro.source, Inventory: ro.inv.Path, Node: it.host.Name, Address: ro.address(it.host), Machine: it.machine,
		Name: it.book.Name, Hosts: it.book.Hosts, Schedule: it.book.Schedule, Confirm: it.book.Confirm, Inputs: it.book.Inputs, Steps: it.steps, Gates: it.gates}
	p.Schedule.Needs = it.book.Needs() // a plan has no tasks that could be asked
	f, err := os.CreateTemp(filepath.Dir(path), ".hcrun-plan-*")
	if err != nil {
		return usage("--out %s: %v", path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	z := zip.NewWriter(f)
	if err := ro.writeEntries(ctx, z, p); err != nil {
		return fmt.Errorf("write the plan to %s: %w", path, err)
	}
	if err := errors.Join(z.Close(), f.Sync(), f.Close()); err != nil {
		return usage("--out %s: %v", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return usage("--out %s: %v", path, err)
	}
	return nil
}

func (ro *rollout) writeEntries(ctx context.Context, z *zip.Writer, p planFile) error {
	w, err := z.Create(planEntry)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return err
	}
	if hidden, ok := ro.app.veil.Pack(); ok {
		if err := ro.copyBlob(ctx, z, hiddenEntry, hidden); err != nil {
			return err
		}
	}
	written := map[string]bool{}
	for _, c := range engine.Changes(p.Steps) {
		content, name := c.After.Content, "blobs/"+c.After.Content.Hash()
		if content.IsZero() || written[name] {
			continue
		}
		written[name] = true
		if c.Secret {
			content, name = content.Secret(), name+".age"
		}
		if err := ro.copyBlob(ctx, z, name, content); err != nil {
			return err
		}
	}
	return nil
}

// copyBlob adds a content to the archive, sealed if it is a secret.
func (ro *rollout) copyBlob(ctx context.Context, z *zip.Writer, name string, c engine.Content) error {
	r, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	if !c.IsSecret() {
		_, err = io.Copy(w, r)
		return err
	}
	store, err := ro.app.store() // sealing may have to make the key; a plan without secrets makes nothing
	if err != nil {
		return err
	}
	sealed, err := store.Seal(w)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sealed, r); err != nil {
		return err
	}
	return sealed.Close()
}

// unseal opens a sealed entry of a plan.
func (ro *rollout) unseal(f *zip.File) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	in, err := ro.store.Unseal(r)
	if err != nil {
		r.Close()
		p := engine.Problemf(engine.Corrupt, "the plan's secrets cannot be read: %w", err)
		p.Now, p.Next = "nothing was changed", "make the plan again with this state folder"
		return nil, p
	}
	return struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

// unveil takes up what the plan has to hide.
func (ro *rollout) unveil(z *zip.Reader) error {
	for _, f := range z.File {
		if f.Name != hiddenEntry {
			continue
		}
		in, err := ro.unseal(f)
		if err != nil {
			return err
		}
		defer in.Close()
		packed, err := io.ReadAll(io.LimitReader(in, maxPlanJSON))
		if err != nil {
			return err
		}
		return ro.app.veil.Unpack(packed)
	}
	return nil
}

// applyPlanFile carries a plan out exactly as it was shown, or refuses.
func (a *app) applyPlanFile(ctx context.Context, path string, f applyFlags) error {
	if f.plan || f.limit != "" || len(f.vars) > 0 || len(f.varFiles) > 0 {
		return usage("%s is a plan: --plan, --limit and variables were decided when it was made", path)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return usage("%s is not a whole plan file: %v", path, err)
	}
	defer z.Close()
	p, err := readPlan(&z.Reader, path)
	if err != nil {
		return err
	}
	if a.inventory == "" {
		a.inventory = p.Inventory
	}
	s, err := a.site(ctx, p.Source)
	if err != nil {
		return err
	}
	defer s.close()
	ro, it, err := s.replay(p, f)
	if err != nil {
		return err
	}
	return ro.carryOutPlan(ctx, it, &z.Reader)
}

func readPlan(z *zip.Reader, path string) (planFile, error) {
	var p planFile
	f, err := z.Open(planEntry)
	if err != nil {
		return p, usage("%s is not a plan file of hcrun: %v", path, err)
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxPlanJSON)).Decode(&p); err != nil {
		return p, usage("%s is not a plan file of hcrun: %v", path, err)
	}
	if p.Version != planVersion {
		return p, usage("%s was written by another version of hcrun (plan version %d, this one reads %d); make it again", path, p.Version, planVersion)
	}
	return p, nil
}

// replay is the rollout that a plan file was made for.
func (s *site) replay(p planFile, f applyFlags) (*rollout, intent, error) {
	h, ok := s.inv.Host(p.Node)
	if !ok {
		return nil, intent{}, usage("the plan is for %s, which %s does not have", p.Node, s.inv.Path)
	}
	if here := s.address(h); here != p.Address {
		return nil, intent{}, &engine.Problem{Code: engine.Stale, What: fmt.Sprintf("the plan was made for %s at %s; %s is at %s now", p.Node, p.Address, p.Node, here), Now: "nothing was changed", Next: "hcrun apply " + p.Source + " --plan"}
	}
	group, err := s.inv.Select(p.Hosts)
	if err != nil {
		return nil, intent{}, err
	}
	book := &engine.Playbook{Name: p.Name, Hosts: p.Hosts, Schedule: p.Schedule, Confirm: p.Confirm, Inputs: p.Inputs}
	ro := &rollout{site: s, flags: f, source: p.Source, group: group, books: map[string]*engine.Playbook{h.Name: book}, locate: func(err error) error { return err }}
	ro.store, err = s.app.store()
	return ro, intent{host: h, book: book, machine: p.Machine, steps: p.Steps, gates: p.Gates}, err
}

func (ro *rollout) carryOutPlan(ctx context.Context, it intent, z *zip.Reader) error {
	if err := ro.unveil(z); err != nil {
		return err
	}
	lock, err := ro.store.Lock("apply a plan of " + it.book.Name + " to " + it.host.Name)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := ro.unfinished(it.host); err != nil {
		return err
	}
	n, err := ro.dial(ctx, it.host)
	if err != nil {
		return err
	}
	if it.machine == "" {
		it.machine = n.Machine()
	}
	if err := ro.attach(ctx, it.steps, engine.See(n), z); err != nil {
		return err
	}
	overrides, err := ro.decide(ctx, it)
	if err != nil {
		return err
	}
	if overrides, err = ro.agree(ctx, it, overrides); err != nil {
		return err
	}
	return ro.carryOut(ctx, it, overrides)
}

// attach gives the plan's contents their bytes: those to be written from the plan file, those that are
// replaced from the node, which has to be as the plan saw it.
func (ro *rollout) attach(ctx context.Context, steps []engine.PlannedStep, look engine.Look, z *zip.Reader) error {
	first := map[string]engine.Image{}
	var paths []string
	for _, c := range engine.Changes(steps) {
		if _, ok := first[c.At]; !ok {
			first[c.At] = c.Before
			paths = append(paths, c.At)
		}
	}
	images, err := look(ctx, paths...)
	if err != nil {
		return err
	}
	have := map[string]engine.Content{}
	for i, at := range paths {
		if !first[at].Matches(images[i]) {
			p := engine.Problemf(engine.Stale, "%s is no longer what the plan saw: it is %s, the plan saw %s", at, images[i], first[at])
			p.Now, p.Next = "nothing was changed", "make the plan again and look at it: hcrun apply PLAYBOOK --plan --out FILE"
			return p
		}
		have[images[i].Content.Hash()] = images[i].Content
	}
	for _, f := range z.File {
		hash, isSealed := strings.CutSuffix(filepath.Base(f.Name), ".age")
		open := func(context.Context) (io.ReadCloser, error) { return f.Open() }
		if isSealed {
			open = func(context.Context) (io.ReadCloser, error) { return ro.unseal(f) }
		}
		for _, c := range engine.Changes(steps) {
			if to := c.After.Content; to.Hash() == hash && filepath.Dir(f.Name) == "blobs" {
				have[hash] = engine.NewContent(hash, to.Size(), open)
			}
		}
	}
	for i := range steps {
		steps[i].Changes = slices.Clone(steps[i].Changes)
		for j := range steps[i].Changes {
			c := &steps[i].Changes[j]
			for _, img := range []*engine.Image{&c.Before, &c.After} {
				if got, ok := have[img.Content.Hash()]; ok && img.Content.Same(got) {
					img.Content = got
				} else if !img.Content.IsZero() && !img.AnyContent {
					return usage("the plan file lacks what would be written to %s; make it again", c.At)
				}
			}
		}
	}
	return nil
}
