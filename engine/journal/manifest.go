package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/hcrun/hcrun/engine"
)

const (
	parcelFormat = 1
	manifestName = "manifest.json"
	journalName  = "journal.jsonl"
	blobFolder   = "blobs/"

	maxManifest = 4 << 20
	maxJournal  = 64 << 20
	maxFiles    = 10_000
	maxParcel   = 2 * engine.MaxKept

	block = 512 // everything in a tar archive begins at a multiple of it
)

// manifest is the first file of a parcel. Its last member is the sum of its bytes before that, as in a record.
type manifest struct {
	Format int     `json:"format"`
	Run    string  `json:"run"`
	Files  []entry `json:"files"` // what follows, in this order: the journal, the contents by name, the key
}

// entry is one file of a parcel.
type entry struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  string `json:"sha256"`
}

// contentRE is what a content is called in a parcel.
var contentRE = regexp.MustCompile(`^` + blobFolder + `([0-9a-f]{64})(\.age)?$`)

// content is the hash of the content that the entry is, "" where it is none.
func (e entry) content() (hash string, isSealed bool) {
	m := contentRE.FindStringSubmatch(e.Name)
	if m == nil {
		return "", false
	}
	return m[1], m[2] != ""
}

// encode is the manifest as it stands in the parcel.
func (m manifest) encode() []byte {
	body, _ := json.Marshal(m) // strings and numbers
	body = body[:len(body)-1]
	return append(body, sumKey+sumOf(body)+"\"}\n"...)
}

// decodeManifest refuses whatever encode would not have written.
func decodeManifest(b []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, errors.New("its manifest cannot be read")
	}
	if m.Format > parcelFormat {
		return m, fmt.Errorf("it was written by a newer hcrun: its format is version %d, and this one reads version %d", m.Format, parcelFormat)
	}
	if m.Format != parcelFormat || !bytes.Equal(m.encode(), b) {
		return m, errors.New("the bytes of its manifest have changed")
	}
	return m, m.check()
}

// check refuses names, numbers and sizes that no run has.
func (m manifest) check() error {
	if !idRE.MatchString(m.Run) {
		return fmt.Errorf("%q cannot be the name of a run", m.Run)
	}
	if len(m.Files) == 0 || len(m.Files) > maxFiles || m.Files[0].Name != journalName {
		return fmt.Errorf("its manifest names %d files; there have to be a journal and at most %d contents", len(m.Files), maxFiles-1)
	}
	for i, e := range m.Files {
		hash, isSealed := e.content()
		limit := int64(maxParcel)
		switch {
		case i == 0:
			limit = maxJournal
		case e.Name == sealName && i == len(m.Files)-1:
			limit = maxKeys
		case hash == "":
			return fmt.Errorf("a run has no file %q", e.Name)
		}
		switch {
		case i > 1 && e.Name <= m.Files[i-1].Name:
			return fmt.Errorf("%q is named twice, or not in its place", e.Name)
		case e.Size < 0 || e.Size > limit:
			return fmt.Errorf("%q has %d bytes; it may have %d", e.Name, e.Size, limit)
		case !hashRE.MatchString(e.Sum) || hash != "" && !isSealed && e.Sum != hash:
			return fmt.Errorf("%q has a hash that is not its own", e.Name)
		}
	}
	if n := m.size(); n > maxParcel {
		return fmt.Errorf("it has %d bytes; a run may have %d", n, int64(maxParcel))
	}
	return nil
}

// size is how many bytes the parcel has.
func (m manifest) size() int64 {
	all := padded(int64(len(m.encode()))) + 3*block // its header, and the two blocks behind the last file
	for _, e := range m.Files {
		all += block + padded(e.Size)
	}
	return all
}

func padded(n int64) int64 { return (n + block - 1) / block * block }

// header is the one block that stands before a file in a parcel. There is one for a name and a size: whatever else
// an archive can hold, such as links, owners and devices, is not the block that is expected.
func header(name string, size int64) []byte {
	b := make([]byte, block)
	copy(b, name)
	copy(b[100:], "0000600\x000000000\x000000000\x00")                // mode, owner, group
	copy(b[124:], fmt.Sprintf("%011o\x00%011o\x00        ", size, 0)) // size, time, the sum as it is summed up
	copy(b[156:], "0")                                                // a plain file
	copy(b[257:], "ustar\x0000")
	copy(b[329:], "0000000\x000000000\x00") // device
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}
