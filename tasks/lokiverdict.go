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

// refused says what an answer that is none means, and what to do about it.
func (s *lokiSearch) refused(err error) *engine.Unavailable {
	u := &engine.Unavailable{}
	status, ok := errors.AsType[*loki.StatusError](err)
	what := "cannot be reached: " + cut(plainCause(err), 300)
	who, impostor := unverified(err)
	switch {
	case impostor:
		what, u.Hint = "is not who it should be: "+who, "set LOKI_CA_CERT_PATH to the authority of its certificate"
	case !ok && (errors.Is(err, loki.ErrNotLoki) || errors.Is(err, loki.ErrTooLarge)):
		what, u.Hint = cut(err.Error(), 300), "is this the address of Loki itself, or of a page in front of it?"
	case !ok:
	case status.Status == http.StatusUnauthorized && strings.Contains(status.Text, "no org id"):
		what, u.Hint = "wants to know the tenant (401 no org id)", "set LOKI_ORG_ID"
	case status.Status == http.StatusUnauthorized:
		what, u.Hint = "refuses the credentials (401)", "set LOKI_USERNAME and LOKI_PASSWORD, or LOKI_BEARER_TOKEN"
	case status.Status == http.StatusForbidden:
		what, u.Hint = "does not allow the query (403)", "may these credentials read the tenant in LOKI_ORG_ID?"
	case status.Status == http.StatusTooManyRequests:
		what, u.Hint = "takes no more queries for now (429)", "see its limits for this tenant"
	case status.Status == http.StatusBadRequest:
		what, u.Hint = "does not take the query "+s.query.String()+": "+cut(status.Text, 300), "try it with logcli query"
	case status.Status == http.StatusNotFound:
		what, u.Hint = "knows no /loki/api/v1/query_range (404)", "does the address lack a path prefix?"
	default:
		what = cut(status.Error(), 300)
	}
	u.Why = "Loki at " + s.base + " " + what
	return u
}

// verdict tells the ways apart in which new lines can be missing. err is of the last poll.
func (s *lokiSearch) verdict(ctx context.Context, err error, count int, timeout engine.Duration) error {
	if err != nil {
		u := s.refused(err)
		u.Why = fmt.Sprintf("after %s %s", timeout, u.Why)
		return u
	}
	f := &engine.Failed{}
	lack := fmt.Sprintf("Loki has %d of %d new lines of %s after %s: ", s.fresh, count, s.node, timeout)
	switch {
	case s.fresh > 0:
		f.Why, f.Hint = lack+"there are lines, but too few", "give it more time, or ask for fewer"
	case s.undated > 0:
		f.Why = lack + fmt.Sprintf("%d lines have no time at %s", s.undated, strings.Join(s.times[:min(2, len(s.times))], " or "))
		f.Hint = "name the field that has the event's time with event_time"
	case s.older > 0:
		f.Why = lack + fmt.Sprintf("only lines from before the change, the newest of %s, the change after %s", s.newest.UTC().Format(time.RFC3339), s.since.UTC().Format(time.RFC3339))
		f.Hint = "does the shipper on this node lag, or read an old file?"
	case s.foreign > 0:
		f.Why, f.Hint = lack+"only lines of other nodes: "+someOf(s.others), "does the shipper run on "+s.node+", also past its taints?"
	default:
		why, hint := s.absent(ctx)
		f.Why, f.Hint = lack+why, hint
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return f
}

// absent finds out why no line at all came: which part of the selector nothing matches.
func (s *lokiSearch) absent(ctx context.Context) (why, hint string) {
	const unknown = "no line came, and Loki does not tell which streams there are"
	end := s.w.Now().Add(lokiAhead)
	start := end.Add(-lokiWide)
	there, err := s.client.Series(ctx, s.query.Selector(), start, end)
	switch {
	case err != nil:
		return unknown, s.refused(err).Why
	case there:
		return "the stream is there, no line newer than the change has come yet", "does the node write the log, and does the shipper still run on it?"
	}
	names, err := s.client.Labels(ctx, start, end)
	switch {
	case err != nil:
		return unknown, s.refused(err).Why
	case len(names) == 0:
		return "Loki has no streams at all for " + s.tenant(), "is this the right tenant (LOKI_ORG_ID), and does the shipper run?"
	}
	for _, m := range s.query.Matchers {
		if m.Matches("") {
			continue // fulfilled by streams without the label as well
		}
		if !slices.Contains(names, m.Label) {
			return fmt.Sprintf("%s matches no stream, because no stream has the label %q%s", s.query.Selector(), m.Label, near(m.Label, names)), "the labels are " + someOf(names)
		}
		values, err := s.client.Values(ctx, m.Label, start, end)
		switch {
		case err != nil:
			return unknown, s.refused(err).Why
		case slices.ContainsFunc(values, m.Matches):
		case m.Label == s.label && m.Value == s.node:
			return s.noNode(ctx, start, end, values)
		default:
			return fmt.Sprintf("%s matches no stream, because no stream has %s%s", s.query.Selector(), m, near(m.Value, values)), m.Label + " is one of " + someOf(values)
		}
	}
	return s.noNode(ctx, start, end, nil)
}

// noNode tells whether the selector has streams of other nodes, when it has none of this one.
func (s *lokiSearch) noNode(ctx context.Context, start, end time.Time, values []string) (why, hint string) {
	there, err := s.client.Series(ctx, s.plain.Selector(), start, end)
	if err == nil && there && s.label != "" {
		return s.plain.Selector() + " has streams of other nodes only", "does the shipper run on " + s.node + ", also past its taints? " + s.label + " is one of " + someOf(values)
	}
	return s.query.Selector() + " matches no stream: each label is there, but on no stream all of them together", ""
}

func (s *lokiSearch) tenant() string {
	if t := s.env.Tenant(); t != "" {
		return fmt.Sprintf("the tenant %q", t)
	}
	return "this access"
}

// someOf names a few values.
func someOf(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, v := range values[:min(len(values), maxExample)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", cut(v, 80))
	}
	if len(values) > maxExample {
		fmt.Fprintf(&b, " and %d more", len(values)-maxExample)
	}
	return b.String()
}

// near suggests the value that was probably meant.
func near(s string, values []string) string {
	values = slices.DeleteFunc(slices.Clone(values[:min(len(values), 1000)]), func(v string) bool { return len(v) > 200 })
	return didYouMean(s, values)
}
