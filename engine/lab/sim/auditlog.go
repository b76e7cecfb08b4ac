package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fullAfter is how many events fit before the disk of a log-full node is full.
const fullAfter = 6

func (w *auditor) write(e auditEvent) {
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	line = append(line, '\n')
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.written++; w.written == 1 {
		w.a.k.node.note("audited")
	}
	switch {
	case w.path == "-":
		w.a.log.write("stdout", string(line))
		return
	case w.at == "":
		return
	case w.written > fullAfter && w.a.on(breakLogFull):
		err = &fs.PathError{Op: "write", Path: w.path, Err: syscall.ENOSPC}
	default:
		err = w.append(line)
	}
	if err != nil && (w.said == nil || w.said() > time.Second) {
		w.said = w.a.k.clock.Stopwatch()
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = &fs.PathError{Op: pe.Op, Path: w.path, Err: pe.Err}
		}
		w.a.log.klog('E', "metrics.go:110", fmt.Sprintf("Error in audit plugin 'log' affecting 1 audit events: %v", err))
	}
}

// append writes a line, in a new file when this one is at its largest.
func (w *auditor) append(line []byte) error {
	if w.out == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if info, err := w.out.Stat(); err == nil && info.Size()+int64(len(line)) > w.max {
		w.out.Close()
		w.out = nil
		if err := w.rotate(); err != nil {
			return err
		}
	}
	_, err := w.out.Write(line)
	return err
}

func (w *auditor) rotate() error {
	ext := filepath.Ext(w.at)
	base := strings.TrimSuffix(w.at, ext)
	aside := base + "-" + w.a.k.clock.Now().UTC().Format("2006-01-02T15-04-05.000") + ext
	if err := os.Rename(w.at, aside); err != nil {
		return err
	}
	if old, _ := filepath.Glob(base + "-*" + ext); w.keep > 0 {
		for len(old) > int(w.keep) { // their names sort by time
			os.Remove(old[0])
			old = old[1:]
		}
	}
	return w.open()
}
