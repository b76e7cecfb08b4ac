package tasks

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/hcrun/hcrun/engine"
)

// dfLine is the second line of "df -P -k": device, blocks, used, available, capacity, mount point.
var dfLine = regexp.MustCompile(`(?m)^\S.*?\s+\d+\s+\d+\s+(-?\d+)\s+(?:\d+%|-)\s+(/.*)$`)

// askFree compares the room on the file system of the path, or of the nearest directory above it.
func (t *Assert) askFree(ctx context.Context, w engine.Watch) (string, error) {
	var above []string
	for at := t.Path; ; at = path.Dir(at) {
		above = append(above, at)
		if at == "/" {
			break
		}
	}
	images, err := w.Look(ctx, above...)
	if err != nil {
		return "", err
	}
	at := above[slices.IndexFunc(append(images, engine.Image{Kind: engine.Dir}), func(i engine.Image) bool { return i.Kind != engine.Absent })%len(above)]
	out, err := w.Observe(ctx, "df", "-P", "-k", at)
	if err != nil {
		return "", err
	}
	m := dfLine.FindSubmatch(out)
	if m == nil {
		return "", engine.Problemf(engine.Preflight, "df answered %q about %s, which cannot be read", shortText(out), at)
	}
	want, err := parseSize(t.Free)
	if err != nil {
		return "", err
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return "", err
	}
	if kib < want>>10 {
		return fmt.Sprintf("%s has %s of free space on %s; expected is at least %s", t.Path, sizeText(kib), m[2], t.Free), nil
	}
	return "", nil
}

// sizeText prints a number of KiB.
func sizeText(kib int64) string {
	for _, u := range []struct {
		name string
		kib  int64
	}{{"TiB", 1 << 30}, {"GiB", 1 << 20}, {"MiB", 1 << 10}} {
		if kib >= u.kib {
			return fmt.Sprintf("%.1f%s", float64(kib)/float64(u.kib), u.name)
		}
	}
	return fmt.Sprintf("%dKiB", max(kib, 0))
}

var sizeRE = regexp.MustCompile(`^([0-9]{1,9})(?:\.([0-9]))?(KiB|MiB|GiB|TiB)$`)

// parseSize reads "1GiB" or "1.5GiB" as bytes.
func parseSize(s string) (int64, error) {
	m := sizeRE.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf(`%q is not a size: write a number and KiB, MiB, GiB or TiB, such as "1GiB"`, s)
	}
	n, err := strconv.ParseInt(m[1]+cmpText(m[2], "0"), 10, 64)
	if err != nil {
		return 0, err
	}
	unit := int64(1) << (10 * (1 + slices.Index([]string{"KiB", "MiB", "GiB", "TiB"}, m[3])))
	if n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is larger than any disk", s)
	}
	return n * unit / 10, nil
}

func cmpText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
