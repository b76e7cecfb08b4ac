package sim

import (
	"bufio"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	batchWait    = time.Second      // from a line in the file until it can be queried
	discoverWait = 10 * time.Second // until a file that did not exist is found
	auditJob     = "kube-apiserver-audit"
)

// Run ships what the nodes' audit logs get, until ctx ends. Files are read from their beginning.
func (l *Loki) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for node, path := range l.Nodes {
		wg.Go(func() { (&shipper{loki: l, node: node, path: path}).run(ctx) })
	}
}

// shipper follows one file.
type shipper struct {
	loki       *Loki
	node, path string

	file *os.File
	rest string // a line whose end is not there yet
	off  int64
}

func (s *shipper) run(ctx context.Context) {
	clock := engine.Clock{Pace: s.loki.Pace}
	for {
		wait := batchWait
		if s.file == nil && !s.open() {
			wait = discoverWait
		}
		if s.file != nil && !s.loki.broken(breakLokiLate, s.node) {
			s.ship()
		}
		if clock.Sleep(ctx, wait) != nil {
			s.close()
			return
		}
	}
}

func (s *shipper) open() bool {
	f, err := os.Open(s.path)
	if err != nil {
		return false
	}
	s.file, s.off, s.rest = f, 0, ""
	return true
}

func (s *shipper) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// ship pushes the complete lines that are new, and lets go of a file that has been replaced once it is
// read to its end.
func (s *shipper) ship() {
	info, err := s.file.Stat()
	if err != nil {
		s.close()
		return
	}
	if info.Size() < s.off { // truncated: from the beginning
		s.off, s.rest = 0, ""
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			s.close()
			return
		}
	}
	if lines := s.lines(); len(lines) > 0 {
		s.loki.push(s.labels(), lines)
	}
	if now, err := os.Stat(s.path); err != nil || !os.SameFile(info, now) {
		s.close()
		if s.open() {
			s.ship()
		}
	}
}

func (s *shipper) lines() (lines []string) {
	r := bufio.NewReader(s.file)
	for {
		text, err := r.ReadString('\n')
		s.off += int64(len(text))
		s.rest += text
		if err != nil {
			return lines
		}
		lines = append(lines, strings.TrimSuffix(s.rest, "\n"))
		s.rest = ""
	}
}

// labels are those that the pipeline sets; loki-other-node has another node's name among them.
func (s *shipper) labels() map[string]string {
	node := s.node
	if s.loki.broken(breakLokiOther, s.node) {
		node = s.loki.other(s.node)
	}
	file := s.path
	if i := strings.Index(file, "/var/log/"); i >= 0 {
		file = file[i:]
	}
	return map[string]string{"node": node, "filename": file, "app": auditJob, "job": auditJob, "service_name": auditJob}
}

// other is whose events a broken node's become: those of the next node when that one is as it should
// be, else of a node that there is not, so that no node ever seems to have events it has not.
func (l *Loki) other(node string) string {
	var names []string
	for n := range l.Nodes {
		names = append(names, n)
	}
	slices.Sort(names)
	next := names[(slices.Index(names, node)+1)%len(names)]
	if l.broken(breakLokiOther, next) {
		return "other-node"
	}
	return next
}
