package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
	_ "time/tzdata" // a fresh lab's clock needs a zone that the machine may not know
)

// freshOffset makes lab time the next Monday, 20:00 in New York: inside the change window of the
// stock playbooks, whatever the hour is.
func freshOffset(now time.Time) (time.Duration, error) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return 0, fmt.Errorf("lab clock: %w", err)
	}
	t := now.In(zone)
	days := (int(time.Monday) - int(t.Weekday()) + 7) % 7
	at := time.Date(t.Year(), t.Month(), t.Day()+days, 20, 0, 0, 0, zone)
	if at.Before(now) {
		at = time.Date(t.Year(), t.Month(), t.Day()+days+7, 20, 0, 0, 0, zone)
	}
	return at.Sub(now), nil
}

// writeClock tells a node how far lab time is from the machine's.
func (n nodeHome) writeClock(offset time.Duration) error {
	b := strconv.AppendInt(nil, int64(offset), 10)
	return replaceFile(filepath.Join(n.shared(), clockFile), append(b, '\n'), 0o644)
}

// labNow is lab time, by the clock file in a shared folder. Machine time where there is none.
func labNow(shared string) time.Time {
	b, err := os.ReadFile(filepath.Join(shared, clockFile))
	if err != nil {
		return time.Now()
	}
	ns, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(time.Duration(ns))
}
