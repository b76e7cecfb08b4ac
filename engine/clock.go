package engine

import (
	"context"
	"fmt"
	"time"
)

// Clock is the only source of time. The zero value is the machine's clock at its own pace.
//
// A lab may put its own calendar behind Time and a Pace above 1, by which every wait, poll and
// deadline is divided; the calendar itself does not run faster.
type Clock struct {
	Time func() time.Time // nil is time.Now
	Pace float64          // 0 is 1
}

func (c Clock) pace() float64 {
	if c.Pace <= 0 {
		return 1
	}
	return c.Pace
}

// Now is the calendar time.
func (c Clock) Now() time.Time {
	if c.Time == nil {
		return time.Now()
	}
	return c.Time()
}

// Real is how long d takes on the machine: d divided by the pace.
func (c Clock) Real(d time.Duration) time.Duration { return time.Duration(float64(d) / c.pace()) }

// Sleep waits for d, or until ctx ends and then returns its error.
func (c Clock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(c.Real(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Stopwatch starts now; what it returns tells how much time has passed, as waits count it.
func (c Clock) Stopwatch() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Duration(float64(time.Since(start)) * c.pace()) }
}

// WithTimeout is context.WithTimeout at the clock's pace.
func (c Clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.Real(d))
}

// Duration is a length of time that is text in playbooks and journals: "90s", "3m", "24h".
type Duration time.Duration

// Units for Go literals: 3 * engine.Minute.
const (
	Second = Duration(time.Second)
	Minute = Duration(time.Minute)
	Hour   = Duration(time.Hour)
)

// D is the duration as the standard library has it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Or is d, or def where d is zero.
func (d Duration) Or(def Duration) time.Duration {
	if d == 0 {
		d = def
	}
	return time.Duration(d)
}

// String prints without needless zero units: "3m", not "3m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if n := len(s); n > 3 && s[n-3:] == "m0s" {
		s = s[:n-2]
	}
	if n := len(s); n > 3 && s[n-3:] == "h0m" {
		s = s[:n-2]
	}
	return s
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration does; negative durations are errors.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf(`%q is not a duration: write a number and a unit, such as "90s", "3m" or "24h"`, b)
	}
	*d = Duration(v)
	return nil
}
