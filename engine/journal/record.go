package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

const (
	// version of the record format that is written; all from 1 are read. It is the first thing in a line, so
	// that an older binary can name it. 2 has what a binary of 1 would pass over: delegated and repeated
	// checks, sealed contents.
	version = 2
	// maxLine bounds a line in bytes. Contents are blobs, so the longest lines are plans of some 100 KB.
	maxLine = 16 << 20

	// pageSize is the least that a kernel writes to a disk at once; where it writes more, that is several of it.
	pageSize = 4096

	sumKey  = `,"sum":"`
	sumTail = sha256.Size*2 + len(`"}`) // what follows sumKey, without the newline
)

// chain is where a hash chain stands: the number of the next record and the sum of the last.
type chain struct {
	seq  int
	head string
}

func newChain() chain { return chain{seq: 1, head: strings.Repeat("0", sha256.Size*2)} }

// prefix is what the next record begins with in a version, byte for byte.
func (c chain) prefix(version int) []byte {
	return fmt.Appendf(nil, `{"v":%d,"seq":%d,"prev":"%s","event":`, version, c.seq, c.head)
}

// seal returns the line of the next record, with its newline, and the chain behind it.
func (c chain) seal(e engine.Event) ([]byte, chain, error) {
	event, err := json.Marshal(e)
	if err != nil {
		return nil, c, err
	}
	line := append(c.prefix(version), event...)
	sum := sumOf(line)
	line = append(line, sumKey+sum+"\"}\n"...)
	return line, chain{seq: c.seq + 1, head: sum}, nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// open verifies a line, given without its newline, as the next record and returns its event's JSON and
// the chain behind it.
func (c chain) open(line []byte) ([]byte, chain, error) {
	v, ok := versionOf(line)
	if ok && v > version {
		return nil, c, fmt.Errorf("it was written by a newer hcrun: its format is version %d, and this one reads version %d", v, version)
	}
	cut := len(line) - len(sumKey) - sumTail
	if cut < 0 || string(line[cut:cut+len(sumKey)]) != sumKey || !bytes.HasSuffix(line, []byte(`"}`)) {
		return nil, c, errors.New("it is not a record: its checksum is missing")
	}
	sum := string(line[cut+len(sumKey) : len(line)-len(`"}`)])
	if sum != sumOf(line[:cut]) {
		return nil, c, errors.New("its bytes have changed: the checksum does not match")
	}
	event, ok := bytes.CutPrefix(line[:cut], c.prefix(max(v, 1)))
	if !ok {
		return nil, c, fmt.Errorf("it is whole, but it does not follow the record before it: records were dropped, swapped or repeated (expected number %d)", c.seq)
	}
	return event, chain{seq: c.seq + 1, head: sum}, nil
}

// versionOf reads the version that a line says it has.
func versionOf(line []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"v":`))
	digits, _, found := bytes.Cut(rest, []byte(","))
	if !ok || !found || len(digits) == 0 || len(digits) > 6 {
		return 0, false
	}
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}

// torn returns nil when tail, the last line of a file, can be what is left of a line that somebody wrote
// when the power or the process went: a beginning of the next record, or one of which pages never reached
// the disk and read as zeros. Pages come in any order: with its newline there it is torn as well where an
// earlier page is missing. from is the offset in the file at which it begins.
func (c chain) torn(tail []byte, from int64) error {
	if bytes.HasSuffix(tail, []byte("\n")) && !missesPage(tail, from) {
		return errors.New("it has its newline, and no page of it is missing")
	}
	for at := 0; ; {
		i := bytes.Index(tail[at:], []byte(sumKey))
		if i < 0 {
			break
		}
		at += i + len(sumKey)
		end := at + sumTail
		if end >= len(tail) {
			break // without a byte behind the record, only its newline is missing
		}
		if _, _, err := c.open(tail[:end]); err == nil {
			if len(bytes.Trim(tail[end:], "\x00")) == 0 {
				return nil // a page began with the newline, and that is the one which never came
			}
			return errors.New("the newline behind it has changed")
		}
	}
	written, _, _ := bytes.Cut(tail, []byte{0})
	begins := false
	for v := 1; v <= version; v++ {
		prefix := c.prefix(v)
		n := min(len(written), len(prefix))
		begins = begins || bytes.Equal(written[:n], prefix[:n])
	}
	if !begins {
		if v, ok := versionOf(tail); ok && v > version {
			return fmt.Errorf("it was written by a newer hcrun: its format is version %d, and this one reads version %d", v, version)
		}
		return errors.New("it is not the beginning of a record")
	}
	return nil
}

// missesPage reports whether all that a line has in some page of the file reads as zeros. No record has a zero.
func missesPage(line []byte, from int64) bool {
	for len(line) > 0 {
		n := min(pageSize-from%pageSize, int64(len(line)))
		if len(bytes.Trim(line[:n], "\x00")) == 0 {
			return true
		}
		line, from = line[n:], from+n
	}
	return false
}
