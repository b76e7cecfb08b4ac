package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hcrun/hcrun/engine"
)

// contents is what a journal file holds.
type contents struct {
	events []engine.Event
	heads  []string // the sum of each record
	chain  chain
	good   int64  // where the last whole record ends, in bytes
	torn   []byte // what is behind it and was never acknowledged
}

// read verifies a whole journal. Anything but an incomplete last line, or one that misses a page, is an error with code Corrupt,
// which names the file, the record and the byte offset at which it begins.
func read(r io.Reader, id, path string) (*contents, error) {
	c := &contents{chain: newChain()}
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		var err error
		line, err = readLine(in, line[:0])
		if err == io.EOF {
			break
		}
		if err == errTooLong {
			return nil, c.damaged(path, err)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if line[len(line)-1] != '\n' {
			if err := c.chain.torn(line, c.good); err != nil {
				return nil, c.damaged(path, err)
			}
			c.torn = line
			break
		}
		if err := c.take(line, id); err != nil {
			if _, end := in.Peek(1); end == io.EOF && c.chain.torn(line, c.good) == nil {
				c.torn = line
				break
			}
			return nil, c.damaged(path, err)
		}
	}
	return c, nil
}

// take verifies one line and adds its event.
func (c *contents) take(line []byte, id string) error {
	body, next, err := c.chain.open(line[:len(line)-1])
	if err != nil {
		return err
	}
	var e engine.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("its event cannot be read: %w", err)
	}
	if e.Run != id {
		return fmt.Errorf("it belongs to another run, %q", e.Run)
	}
	c.events, c.heads = append(c.events, e), append(c.heads, next.head)
	c.chain = next
	c.good += int64(len(line))
	return nil
}

// damaged is the problem of the record behind the last good one.
func (c *contents) damaged(path string, err error) *engine.Problem {
	return &engine.Problem{
		Code: engine.Corrupt,
		What: fmt.Sprintf("%s: record %d, at byte %d: %v", path, c.chain.seq, c.good, err),
		Next: "hcrun journal verify " + idOf(path),
		Err:  err,
	}
}

func idOf(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(filepath.Ext(name))]
}

var errTooLong = errors.New("the line is longer than any that hcrun writes")

// readLine appends one line to buf, with its newline if it has one.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(buf)+len(part) > maxLine {
			return nil, errTooLong
		}
		buf = append(buf, part...)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(buf) > 0:
			return buf, nil
		}
		return buf, err
	}
}
