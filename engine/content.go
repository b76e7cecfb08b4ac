package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Content is the bytes of a file: known by hash and size, opened only when they are needed. It
// prints and marshals as its hash, so that no display or journal line can leak a file by accident.
type Content struct {
	hash   string
	size   int64
	open   Opener
	secret bool
}

// Opener opens a content's bytes for reading from the start; it may be called more than once.
type Opener func(ctx context.Context) (io.ReadCloser, error)

// Bytes is the content that holds b.
func Bytes(b []byte) Content {
	sum := sha256.Sum256(b)
	return Content{hash: hex.EncodeToString(sum[:]), size: int64(len(b)), open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// NewContent is a content known by its SHA-256 in lower-case hex and its size in bytes. With a nil
// open its bytes are elsewhere (a journal has them) and Open fails.
func NewContent(hash string, size int64, open Opener) Content {
	return Content{hash: hash, size: size, open: open}
}

// Secret is the content as one that is a secret: it is kept sealed.
func (c Content) Secret() Content {
	c.secret = true
	return c
}

// IsSecret reports whether the content is to be kept sealed.
func (c Content) IsSecret() bool { return c.secret }

// Hash is the SHA-256 in lower-case hex, "" for the zero Content.
func (c Content) Hash() string { return c.hash }

// Size is the length in bytes.
func (c Content) Size() int64 { return c.size }

// Same reports whether both have the same bytes.
func (c Content) Same(o Content) bool { return c.hash == o.hash && c.size == o.size }

// IsZero reports whether there is no content at all (an empty file has one).
func (c Content) IsZero() bool { return c.hash == "" }

// String prints the size and the head of the hash.
func (c Content) String() string {
	if c.hash == "" {
		return "no content"
	}
	return fmt.Sprintf("%d bytes sha256:%.12s", c.size, c.hash)
}

// Open opens the bytes. What is read is verified: a reader that reaches the end of other bytes than
// the hash promises returns an error instead of io.EOF.
func (c Content) Open(ctx context.Context) (io.ReadCloser, error) {
	if c.open == nil {
		return nil, fmt.Errorf("content %.12s is not at hand", c.hash)
	}
	r, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return &verified{ReadCloser: r, sum: sha256.New(), want: c}, nil
}

// Read returns all bytes, and an error when there are more than max.
func (c Content) Read(ctx context.Context, max int64) ([]byte, error) {
	if c.size > max {
		return nil, fmt.Errorf("%d bytes are more than the %d that can be handled here", c.size, max)
	}
	r, err := c.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// check reads all bytes and returns nil when they are those that the hash promises.
func (c Content) check(ctx context.Context) error {
	r, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// ErrChanged is what reading a content ends with when the bytes are not those that its hash promises.
var ErrChanged = errors.New("the bytes have changed or were cut")

type verified struct {
	io.ReadCloser
	sum  hash.Hash
	want Content
	n    int64
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	v.n += int64(n)
	if err == io.EOF && (v.n != v.want.size || hex.EncodeToString(v.sum.Sum(nil)) != v.want.hash) {
		return n, fmt.Errorf("content %.12s: %w (%d of %d bytes)", v.want.hash, ErrChanged, v.n, v.want.size)
	}
	return n, err
}

type contentJSON struct {
	Hash string `json:"sha256"`
	Size int64  `json:"size"`
}

// MarshalJSON writes hash and size, never the bytes.
func (c Content) MarshalJSON() ([]byte, error) { return json.Marshal(contentJSON{c.hash, c.size}) }

// UnmarshalJSON reads hash and size; the bytes are then elsewhere.
func (c *Content) UnmarshalJSON(b []byte) error {
	var j contentJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = Content{hash: j.Hash, size: j.Size}
	return nil
}
