package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// source is the kubelet's view of staticPodPath. Changes of single files act in the order in which
// they arrive; the re-list reads all files in order of their names. In both the last one wins where
// two files define a pod of the same name, so the two need not agree.
type source struct {
	root, dir string // dir as the node has it
	node      string
	log       *nodeLog

	pods   map[string]*pod   // by full name
	byFile map[string]string // file name to the full name it defined last
	raw    map[string][]byte // file name to its last readable content
	hidden map[string]bool   // files whose creation the watch has not seen
}

func newSource(root, dir, node string, log *nodeLog) *source {
	return &source{root: root, dir: dir, node: node, log: log, pods: map[string]*pod{},
		byFile: map[string]string{}, raw: map[string][]byte{}, hidden: map[string]bool{}}
}

func (s *source) path(name string) string { return filepath.Join(s.root, s.dir, name) }

// read decodes one file; nil, nil is a file that does not count.
func (s *source) read(name string) (*pod, error) {
	at := s.path(name)
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	b, err := os.ReadFile(at)
	if err != nil {
		return nil, err
	}
	p, err := decodePod(s.node, filepath.Join(s.dir, name), b)
	if err != nil {
		return nil, err
	}
	s.raw[name], s.byFile[name] = b, p.fullName()
	return p, nil
}

// changed takes what the watch saw of one file.
func (s *source) changed(name string) {
	if strings.HasPrefix(name, ".") {
		return
	}
	p, err := s.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.gone(name)
	case s.hidden[name]:
	case err != nil:
		s.log.errorf("file_linux.go:86", "Unable to process watch event", "err", fmt.Errorf("can't process config file %q: %w", filepath.Join(s.dir, name), err))
	case p != nil:
		s.pods[p.fullName()] = p
	}
}

// gone deletes the pod that the file defined last, also when another file defines it too: until the
// next re-list there is none.
func (s *source) gone(name string) {
	if full, ok := s.byFile[name]; ok {
		delete(s.pods, full)
	}
	delete(s.byFile, name)
	delete(s.raw, name)
	delete(s.hidden, name)
}

// list reads the whole directory.
func (s *source) list() {
	pods := map[string]*pod{}
	entries, err := os.ReadDir(filepath.Join(s.root, s.dir))
	if err != nil {
		s.log.errorf("file.go:106", "Unable to read config path", "path", s.dir, "err", err)
		return
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p, err := s.read(e.Name())
		if err != nil {
			s.log.errorf("file.go:187", "Could not process manifest file", "path", filepath.Join(s.dir, e.Name()), "err", err)
			continue
		}
		if p != nil {
			pods[p.fullName()] = p
		}
	}
	s.pods = pods
}
