// Package loki asks a Loki for log lines, over the HTTP API alone.
package loki

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MaxBody is the largest answer in bytes that is read.
const MaxBody = 16 << 20

// Client asks one Loki.
type Client struct {
	base *url.URL
	env  Env
	http *http.Client
	time time.Duration
}

// Dialer opens a connection, possibly from another machine.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// New makes a client for the Loki at base. dial is nil for connections of this machine. timeout is
// how long one answer may take.
func New(base *url.URL, env Env, dial Dialer, timeout time.Duration) (*Client, error) {
	config, err := env.tls()
	if err != nil {
		return nil, err
	}
	t := &http.Transport{TLSClientConfig: config, TLSHandshakeTimeout: timeout, MaxIdleConns: 1, IdleConnTimeout: 10 * time.Second}
	if dial != nil {
		t.DialContext = dial
	} else {
		t.Proxy = http.ProxyFromEnvironment
	}
	// A redirect would carry the credentials to somebody whom the operator did not name.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, env: env, http: &http.Client{Transport: t, CheckRedirect: stay}, time: timeout}, nil
}

// Close ends connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// StatusError is an answer that is not 200.
type StatusError struct {
	Status   int
	Text     string // the head of what Loki said
	Location string // of a redirect
}

func (e *StatusError) Error() string {
	if e.Location != "" {
		return fmt.Sprintf("answers %d, a redirect to %s, which is not followed", e.Status, e.Location)
	}
	return strings.TrimSuffix(fmt.Sprintf("answers %d: %s", e.Status, e.Text), ": ")
}

// Again reports whether asking again may help: a server that is starting, throttling or overloaded.
func (e *StatusError) Again() bool { return e.Status == http.StatusTooManyRequests || e.Status >= 500 }

// ErrNotLoki is an answer of 200 that is nothing a Loki says.
var ErrNotLoki = errors.New("answers, but not as a Loki does")

// ErrTooLarge is an answer above MaxBody.
var ErrTooLarge = errors.New("the answer is larger than what is read")

// Unverified reports whether err is a server whose certificate does not hold.
func Unverified(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// Entry is a log line.
type Entry struct {
	At     time.Time // Loki's stamp
	Line   string
	Stream map[string]string
}

// Range asks for log lines from start (inclusive) to end (exclusive), oldest first, at most limit.
func (c *Client) Range(ctx context.Context, query string, start, end time.Time, limit int) ([]Entry, error) {
	var streams []struct {
		Stream map[string]string   `json:"stream"`
		Values [][]json.RawMessage `json:"values"`
	}
	args := window(start, end)
	args.Set("query", query)
	args.Set("limit", strconv.Itoa(limit))
	args.Set("direction", "forward")
	var data struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	}
	if err := c.get(ctx, "query_range", args, &data); err != nil {
		return nil, err
	}
	if data.Type != "streams" {
		return nil, fmt.Errorf("%w: the result is of type %q, not log lines", ErrNotLoki, data.Type)
	}
	if err := json.Unmarshal(data.Result, &streams); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotLoki, err)
	}
	var all []Entry
	for _, s := range streams {
		for _, v := range s.Values {
			e := Entry{Stream: s.Stream}
			var stamp string
			if len(v) < 2 || json.Unmarshal(v[0], &stamp) != nil || json.Unmarshal(v[1], &e.Line) != nil {
				return nil, fmt.Errorf("%w: a line without time or text", ErrNotLoki)
			}
			ns, err := strconv.ParseInt(stamp, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %q is no time", ErrNotLoki, stamp)
			}
			e.At = time.Unix(0, ns)
			all = append(all, e)
		}
	}
	return all, nil
}

// Series reports whether any stream matches the selector in the window.
func (c *Client) Series(ctx context.Context, selector string, start, end time.Time) (bool, error) {
	args := window(start, end)
	args.Set("match[]", selector)
	var all []map[string]string
	err := c.get(ctx, "series", args, &all)
	return len(all) > 0, err
}

// Labels lists the names of labels there are.
func (c *Client) Labels(ctx context.Context, start, end time.Time) ([]string, error) {
	var all []string
	return all, c.get(ctx, "labels", window(start, end), &all)
}

// Values lists the values of a label.
func (c *Client) Values(ctx context.Context, label string, start, end time.Time) ([]string, error) {
	var all []string
	return all, c.get(ctx, "label/"+label+"/values", window(start, end), &all)
}

func window(start, end time.Time) url.Values {
	return url.Values{"start": {strconv.FormatInt(start.UnixNano(), 10)}, "end": {strconv.FormatInt(end.UnixNano(), 10)}}
}

// get asks once and reads the data of the answer.
func (c *Client) get(ctx context.Context, what string, args url.Values, data any) error {
	ctx, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	u := *c.base
	u.Path += "/loki/api/v1/" + what
	u.RawPath = ""
	u.RawQuery = args.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "hcrun")
	req.Header.Set("Cache-Control", "no-cache")
	c.env.sign(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return &StatusError{Status: resp.StatusCode, Text: strings.TrimSpace(string(text)), Location: resp.Header.Get("Location")}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	switch {
	case err != nil:
		return err
	case len(body) > MaxBody:
		return ErrTooLarge
	}
	var a struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Status != "success" {
		return fmt.Errorf("%w: %s", ErrNotLoki, head(strings.TrimSpace(string(body))))
	}
	if len(a.Data) == 0 {
		return nil // older versions leave an empty list out
	}
	if err := json.Unmarshal(a.Data, data); err != nil {
		return fmt.Errorf("%w: %v", ErrNotLoki, err)
	}
	return nil
}
