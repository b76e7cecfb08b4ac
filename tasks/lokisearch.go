package tasks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/loki"
)

const (
	lokiAsk    = 15 * time.Second
	lokiPoll   = 2 * time.Second
	lokiSlow   = 10 * time.Second // after an answer that asks for less
	lokiTries  = 3                // before the first write
	lokiPad    = time.Minute      // clocks of nodes and Loki may differ by as much
	lokiAhead  = 5 * time.Minute
	lokiLimit  = 1000 // lines of one answer
	lokiLeast  = 10   // ... when answers turn out too large
	lokiPages  = 20   // answers of one poll
	lokiWide   = 24 * time.Hour
	maxExample = 8 // values that a message names
)

// lokiMark is when the change had not happened yet.
type lokiMark struct {
	Node int64 `json:"node_time"` // the node's clock, nanoseconds since 1970
}

// lokiSearch looks for new lines of one node.
type lokiSearch struct {
	w      engine.Watch
	client *loki.Client
	env    loki.Env
	base   string

	plain, query loki.Query // as the playbook has it, and with the node's matcher
	label, field string     // what carries the node
	node         string     // what it must be
	times        []string   // fields that carry an event's time
	since        time.Time

	from  time.Time // where the next poll begins
	limit int
	kept  int // new lines before from

	lineTally
}

// lineTally sorts the lines of a poll by what they prove.
type lineTally struct {
	fresh, older, undated int
	others                []string // which other nodes the lines were of
	foreign               int
	newest                time.Time // of the older ones
}

// first asks once before anything is written: reachable, allowed, the query understood. Labels that
// no stream has yet are only told: on the first node they may come with the first line.
func (s *lokiSearch) first(ctx context.Context) error {
	now := s.w.Now()
	var err error
	for try := range lokiTries {
		if try > 0 {
			if err := s.w.Sleep(ctx, lokiPoll); err != nil {
				return err
			}
		}
		if _, err = s.client.Range(ctx, s.query.String(), now.Add(-time.Minute), now, 1); err == nil || lost(ctx, err) || !again(err) {
			break
		}
		s.w.Say(s.refused(err).Why)
	}
	switch {
	case err == nil:
	case lost(ctx, err):
		return err
	default:
		return s.refused(err)
	}
	names, err := s.client.Labels(ctx, now.Add(-lokiWide), now.Add(lokiAhead))
	if err != nil && lost(ctx, err) {
		return err
	} else if err != nil {
		return nil // some gateways close it off; the query itself was answered
	}
	for _, m := range s.query.Matchers {
		if !m.Matches("") && !slices.Contains(names, m.Label) {
			s.w.Say(fmt.Sprintf("warning: no stream in Loki has the label %q yet%s", m.Label, near(m.Label, names)))
		}
	}
	return nil
}

// poll reads all lines there are since the change, until there are count new ones.
func (s *lokiSearch) poll(ctx context.Context, count int) error {
	s.lineTally = lineTally{fresh: s.kept}
	start, end := s.from, s.w.Now()
	if s.since.After(end) {
		end = s.since
	}
	end = end.Add(lokiAhead)
	for range lokiPages {
		page, err := s.page(ctx, start, end)
		if err != nil {
			return err
		}
		full := len(page) >= s.limit
		if full {
			page, start = split(page)
		}
		for _, e := range page {
			s.add(e)
		}
		if !full || s.fresh >= count {
			return nil
		}
	}
	s.from, s.kept = start, s.fresh // more than one poll can read: go on from there
	return nil
}

// page asks for one answer, a smaller one where the server or its size asks for that.
func (s *lokiSearch) page(ctx context.Context, start, end time.Time) ([]loki.Entry, error) {
	for {
		page, err := s.client.Range(ctx, s.query.String(), start, end, s.limit)
		status, ok := errors.AsType[*loki.StatusError](err)
		tooMany := ok && status.Status == http.StatusBadRequest && strings.Contains(status.Text, "max entries limit")
		if (tooMany || errors.Is(err, loki.ErrTooLarge)) && s.limit > lokiLeast {
			s.limit = max(s.limit/4, lokiLeast)
			continue
		}
		return page, err
	}
}

// split takes the lines with the last stamp off a full page, because more of them may follow, and
// returns where to go on.
func split(page []loki.Entry) ([]loki.Entry, time.Time) {
	last := slices.MaxFunc(page, func(a, b loki.Entry) int { return a.At.Compare(b.At) }).At
	rest := slices.DeleteFunc(slices.Clone(page), func(e loki.Entry) bool { return e.At.Equal(last) })
	if len(rest) == 0 {
		return page, last.Add(1)
	}
	return rest, last
}

// add sorts a line in.
func (s *lokiSearch) add(e loki.Entry) {
	obj, _ := decodeLine([]byte(e.Line))
	if who, ok := s.isOurs(e, obj); !ok {
		if s.foreign++; !slices.Contains(s.others, who) && len(s.others) < maxExample {
			s.others = append(s.others, who)
		}
		return
	}
	at, ok := e.At, true
	if s.times[0] != entryTime {
		at, ok = eventTime(obj, s.times)
	}
	switch {
	case !ok:
		s.undated++
	case at.After(s.since):
		s.fresh++
	default:
		s.older++
		if at.After(s.newest) {
			s.newest = at
		}
	}
}

// isOurs reports whether a line is of the node, and else of which.
func (s *lokiSearch) isOurs(e loki.Entry, obj map[string]any) (string, bool) {
	if s.label != "" {
		who := e.Stream[s.label]
		return who, who == s.node
	}
	who := ""
	for _, v := range fieldValues(obj, s.field) {
		if who = textOf(v); who == s.node {
			return who, true
		}
	}
	return who, false
}

// pause is how long to wait before asking again.
func (s *lokiSearch) pause(err error) time.Duration {
	if status, ok := errors.AsType[*loki.StatusError](err); ok && status.Again() {
		return lokiSlow
	}
	return lokiPoll
}

// again reports whether asking again may help.
func again(err error) bool {
	if status, ok := errors.AsType[*loki.StatusError](err); ok {
		return status.Again()
	}
	return !errors.Is(err, loki.ErrNotLoki) && !errors.Is(err, loki.ErrTooLarge) && !loki.Unverified(err)
}
