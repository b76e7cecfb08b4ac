// Command shipper follows an audit log and pushes it to Loki as the Vector pipeline of playbooks/files does: with the
// same labels, and under the events' own times. Vector itself cannot be had as a Go module.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	every    = 500 * time.Millisecond
	maxLines = 1000
)

// shipper is where it stands in a file.
type shipper struct {
	to, tenant, node string
	positions        string
	path             string // of the open file
	file             *os.File
	offset           int64
}

func main() {
	s := &shipper{}
	flag.StringVar(&s.to, "to", "", "Loki's address")
	flag.StringVar(&s.tenant, "tenant", "", "sent as X-Scope-OrgID")
	flag.StringVar(&s.node, "node", "", "label of this node")
	flag.StringVar(&s.positions, "positions", "", "file that remembers how far it came")
	settings := flag.String("settings", "", "file that holds the path to follow, read again and again")
	flag.Parse()
	for ; ; time.Sleep(every) {
		path, err := os.ReadFile(*settings)
		if err == nil {
			err = s.follow(strings.TrimSpace(string(path)))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			log.Print(err)
		}
	}
}

// follow ships what has come since, and goes over to a new file of the name when the old one is read.
func (s *shipper) follow(path string) error {
	now, err := os.Stat(path)
	if err != nil && s.file == nil {
		return err
	}
	if s.file == nil || s.path != path {
		return s.open(path)
	}
	if err := s.ship(); err != nil || now == nil {
		return err
	}
	was, err := s.file.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(now, was) || now.Size() < s.offset {
		return s.open(path)
	}
	return nil
}

// open begins a file where it was left, or at its beginning.
func (s *shipper) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if s.file != nil {
		s.file.Close()
	}
	s.path, s.file, s.offset = path, f, 0
	text, _ := os.ReadFile(s.positions)
	if first, offset, ok := strings.Cut(string(text), " "); ok && first == s.first() {
		s.offset, _ = strconv.ParseInt(offset, 10, 64)
	}
	return s.ship()
}

// first tells one file from the next by how it begins.
func (s *shipper) first() string {
	b := make([]byte, 256)
	n, _ := s.file.ReadAt(b, 0)
	return fmt.Sprintf("%x", b[:n])
}

// ship pushes the whole lines behind the offset.
func (s *shipper) ship() error {
	for {
		r := bufio.NewReader(io.NewSectionReader(s.file, s.offset, 1<<62))
		var values [][2]string
		size := int64(0)
		for len(values) < maxLines {
			line, err := r.ReadString('\n')
			if err != nil {
				break // the rest of the line is still to come
			}
			size += int64(len(line))
			values = append(values, [2]string{stamp(line), strings.TrimSuffix(line, "\n")})
		}
		if len(values) == 0 {
			return nil
		}
		if err := s.push(values); err != nil {
			return err
		}
		s.offset += size
		if err := os.WriteFile(s.positions, []byte(s.first()+" "+fmt.Sprint(s.offset)), 0o600); err != nil {
			return err
		}
	}
}

// stamp is an event's own time in nanoseconds; for a line that is none, now.
func stamp(line string) string {
	var e struct {
		StageTimestamp time.Time `json:"stageTimestamp"`
	}
	if json.Unmarshal([]byte(line), &e) != nil || e.StageTimestamp.IsZero() {
		e.StageTimestamp = time.Now()
	}
	return fmt.Sprint(e.StageTimestamp.UnixNano())
}

func (s *shipper) push(values [][2]string) error {
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{
		"stream": map[string]string{"app": "kube-apiserver-audit", "job": "kube-apiserver-audit", "node": s.node, "filename": s.path},
		"values": values,
	}}})
	if err != nil {
		return err
	}
	r, err := http.NewRequest("POST", s.to+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Scope-OrgID", s.tenant)
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("loki answered %s: %s", resp.Status, text)
	}
	return nil
}
