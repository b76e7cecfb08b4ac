package sim

import (
	"os"
	"path/filepath"
)

// strays plants and removes the copy of the manifest that the kubelet runs instead.
type strays struct {
	k       *kubelet
	planted string // by stray-late: the UID of the pod that it came with
	skipped int    // re-lists since
	was     bool   // a flag of ours has been seen
}

const (
	manifestFile = apiserverName + ".yaml"
	strayFile    = manifestFile + ".bak"
)

// flagged acts on flag files that came or went.
func (s *strays) flagged() {
	s.k.breaks.refresh()
	now := s.k.breaks.set(breakStray)
	late := s.k.breaks.set(breakStrayLate)
	if now {
		s.copy(s.k.src.raw[manifestFile])
	}
	if s.was && !now && !late {
		s.remove()
	}
	s.was = now || late
}

// changing is told of every changed file before the kubelet reads it. With stray-late it plants a copy
// of the old manifest, which the watch has seen before the new manifest, so that the new one runs
// until the next re-list; true is returned and that re-list is a full period away. When the old
// manifest is back the copy goes again.
func (s *strays) changing(name string) bool {
	if name != manifestFile || !s.k.breaks.set(breakStrayLate) {
		return false
	}
	old := s.k.src.raw[manifestFile]
	b, err := os.ReadFile(s.k.src.path(name))
	if err != nil {
		return false
	}
	p, err := decodePod(s.k.node.Name, filepath.Join(s.k.src.dir, name), b)
	if err != nil {
		return false
	}
	switch changed := s.k.breaks.on(breakStrayLate, p.UID); {
	case changed && s.planted == "" && old != nil:
		s.planted, s.skipped = p.UID, 0
		s.k.src.hidden[strayFile] = true
		s.copy(old)
		return true
	case !changed && s.planted != "":
		s.remove()
	}
	return false
}

// patience is how many re-lists an API server that does not become ready can put off.
const patience = 6

// early tells whether a re-list is to be left out: on a slow machine too the new API server is ready
// once before the copy takes its place.
func (s *strays) early() bool {
	if s.planted == "" || s.skipped == patience || s.k.ready.Load() == s.planted {
		return false
	}
	s.skipped++
	return true
}

func (s *strays) copy(manifest []byte) {
	at := s.k.src.path(strayFile)
	if _, err := os.Lstat(at); err == nil || manifest == nil {
		return
	}
	_ = os.WriteFile(at, manifest, 0o600) // a full disk has no stray file
}

func (s *strays) remove() {
	s.planted = ""
	_ = os.Remove(s.k.src.path(strayFile))
}
