package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKill kills a run with SIGKILL at random moments, resumes it, and kills the resume as well now and
// then. In the end the node and the recorded history are those of a run that nobody disturbed.
// HCRUN_KILLS sets how many times; each failure prints the seed.
func TestKill(t *testing.T) {
	t.Parallel()
	needLab(t)
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("HCRUN_KILLS")); err == nil {
		kills = n
	}
	hcrun := binary(t)
	calm := newBench(t, hcrun)
	calm.up()
	fresh := calm.digest("master1")
	began := time.Now()
	calm.must(0, calm.apply("master1")...)
	took := time.Since(began)
	want := difference(fresh, calm.digest("master1")) // every lab has keys of its own
	history := calm.settled(t)

	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("HCRUN_SEED"), 10, 64); err == nil {
		seed = n
	}
	const workers = 5
	for w := range workers {
		t.Run(fmt.Sprint("worker", w), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, uint64(w)))
			done := 0
			for i := 0; done*workers < kills; i++ {
				b := newBench(t, hcrun)
				b.up()
				fresh := b.digest("master1")
				done += b.killed(rnd, took)
				if got := difference(fresh, b.digest("master1")); got != want {
					t.Fatalf("seed %d, kill %d: what was changed differs from an undisturbed run:\n%s", seed, i, difference(want, got))
				}
				if got := b.settled(t); got != history {
					t.Fatalf("seed %d, kill %d: the history is %s, undisturbed it is %s", seed, i, got, history)
				}
				b.must(0, "lab", "down")
				if i > 3*kills {
					t.Fatalf("seed %d: only %d of %d runs were killed before they ended", seed, done, i)
				}
			}
			t.Logf("seed %d: %d processes killed", seed, done)
		})
	}
}

// killed applies to master1, kills it at a random moment, and resumes until it has landed. It returns how
// many processes really died of it.
func (b *bench) killed(rnd *rand.Rand, took time.Duration) (deaths int) {
	b.t.Helper()
	c := b.command(b.apply("master1")...)
	for range 20 {
		if err := c.Start(); err != nil {
			b.t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rnd.Int64N(int64(took))), func() { c.Process.Kill() })
		code := b.exit(c.Wait())
		timer.Stop()
		if code == 0 {
			return deaths
		}
		if code != -1 {
			b.t.Fatalf("%s ended with %d", strings.Join(c.Args[1:], " "), code)
		}
		deaths++
		if rnd.IntN(3) > 0 { // let this one finish
			b.finish()
			return deaths
		}
		c = b.command(b.next()...)
	}
	b.finish()
	return deaths
}

// next is what an operator types after a crash: resume where a run is unfinished, else apply.
func (b *bench) next() []string {
	var open []runJSON
	if err := json.Unmarshal(firstLine(b.must(0, "status", "--json")), &open); err != nil {
		b.t.Fatal(err)
	}
	if len(open) > 0 {
		return []string{"resume", open[0].Run}
	}
	return b.apply("master1")
}

func (b *bench) finish() { b.must(0, b.next()...) }

// settled is what was done to the node, in order, over all runs: the history that a crash may not change. A run
// that only confirms does not count: it is what the operator types after a death behind the last record.
func (b *bench) settled(t *testing.T) string {
	var all []runJSON
	if err := json.Unmarshal(firstLine(b.must(0, "history", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, r := range all {
		before := len(done)
		for line := range strings.Lines(b.must(0, "show", r.Run, "--json")) {
			var e struct {
				Kind string
				Op   struct{ Path string }
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if e.Kind == "settled" || e.Kind == "landed" {
				done = append(done, strings.TrimSpace(e.Kind+" "+e.Op.Path))
			}
		}
		if slices.Equal(done[before:], []string{"landed"}) {
			done = done[:before]
		}
	}
	return strings.Join(done, ", ")
}

func firstLine(s string) []byte {
	line, _, _ := strings.Cut(s, "\n")
	return []byte(line)
}
