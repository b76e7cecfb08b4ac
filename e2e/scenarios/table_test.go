package scenarios

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/e2e/lab"
)

// scenario is a row of the table: what goes wrong, and what has to come of it on every bed.
type scenario struct {
	name string
	what string // goes wrong

	policy string   // instead of the flagship's
	edit   []string // pairs: a text of the flagship, and what stands there instead

	before func(b *bench) // happens before hcrun starts
	play   func(b *bench) // nil: apply to master1 and hold its end
	exit   int            // of that, or of the first apply that a play makes
	says   []string       // its output, in any order
	kept   string         // evidence that is found in hcrun's own records

	states string // of the API server, in this order, others between them
	never  string // a state that must not be seen
	after  func(b *bench, before string)

	options  lab.Options // of the real bed; one master where none are said
	realOnly string      // why it does not play on the other bed
}

// The table. Faults of the first kind are in what a person wrote: the flagship is applied with that mistake in it.
var table = []scenario{
	{name: "applied", what: "nothing", play: appliedTwice, states: "old ready > wrote > down > new runs > new ready > wrote > down > old ready", after: restored},

	{name: "policy is not YAML", what: "the audit policy cannot be parsed", policy: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verbs: [\"get\"\n", edit: unchecked,
		before: refusedAsItStands, exit: 21, says: []string{"rolled back", "kept container-log", "hcrun ack"}, kept: "loading audit policy file", states: crashed, never: "new ready", after: restored},
	{name: "unknown audit level", what: "a level is misspelt", policy: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metdata\n", edit: unchecked,
		before: refusedAsItStands, exit: 21, says: []string{"rolled back", "kept container-log"}, kept: "Unsupported value", states: crashed, never: "new ready", after: restored},
	{name: "log mount is read-only", what: "the log's mount has readOnly", edit: []string{`{ name = "audit-log", mountPath = local.log_dir },`, `{ name = "audit-log", mountPath = local.log_dir, readOnly = true },`},
		exit: 21, says: []string{"rolled back", "kept container-log"}, kept: "read-only file system", states: crashed, never: "new ready", after: restored},
	{name: "log path is a file", what: "the log's volume is the file and not its directory", edit: []string{`hostPath = { path = local.log_dir, type = "DirectoryOrCreate" }`, `hostPath = { path = local.log, type = "DirectoryOrCreate" }`},
		exit: 21, says: []string{"rolled back", "kept kubelet-log"}, kept: "not a directory", states: "old ready > wrote > down > wrote > old runs > old ready", never: "new ready", after: restored},
	{name: "both mounts missing", what: "volumes without volumeMounts", edit: []string{`
  list "spec.containers[name=kube-apiserver].volumeMounts" {
    key = "name"
    set = [
      { name = "audit-policy", mountPath = local.policy, readOnly = true },
      { name = "audit-log", mountPath = local.log_dir },
    ]
  }
`, ""},
		exit: 21, says: []string{"rolled back", "kept container-log"}, kept: "failed to read file path", states: crashed, never: "new ready", after: restored},
	{name: "log mount missing", what: "the log goes into the container; all looks healthy", edit: []string{"      { name = \"audit-log\", mountPath = local.log_dir },\n", ""},
		exit: 21, says: []string{"rolled back", "tail-log.events"}, states: "old ready > wrote > down > new ready > wrote > down > old ready", after: restored},
	{name: "audit disk full", what: "the log's disk fills with the first events; all looks healthy", before: func(b *bench) { b.must(b.fillAuditDisk("master1")) },
		exit: 21, says: []string{"rolled back", "tail-log.events"}, states: "old ready > wrote > down > new ready > wrote > down > old ready", after: restored},
	{name: "bad flag value", what: "--audit-log-maxage is no number", edit: []string{`"audit-log-maxage"    = var.retention_days`, `"audit-log-maxage"    = "abc"`},
		exit: 21, says: []string{"rolled back", "kept container-log"}, kept: "invalid argument", states: crashed, never: "new ready", after: restored},
	{name: "image missing", what: "the manifest names an image that is not there", edit: []string{`  set "metadata.annotations[\"checksum/audit-policy\"]" {`, `  set "spec.containers[name=kube-apiserver].image" {
    value = "localhost/kube-apiserver:v0.0.0"
  }

  set "metadata.annotations[\"checksum/audit-policy\"]" {`},
		exit: 21, says: []string{"rolled back", "kept kubelet-log"}, kept: "ImagePull", states: "old ready > wrote > down > wrote > old runs > old ready", never: "new ready", after: restored},

	{name: "stray manifest before", what: "kube-apiserver.yaml.bak lies beside the manifest", before: func(b *bench) {
		b.on("master1", "cp -p "+manifest+" "+manifest+".bak")
		b.until("the copy runs", 3*time.Minute, func() bool { return strings.Contains(b.on("master1", ready), "ok") })
	}, exit: 42, says: []string{"kube-apiserver.yaml.bak"}, never: "wrote", after: func(b *bench, before string) { unchanged(b, before) }},
	{name: "stray manifest later", what: "the copy appears when the new API server is ready, and is run instead", before: strayWhenReady,
		exit: 21, says: []string{"kube-apiserver.yaml.bak", "rolled back"}, states: "old ready > wrote > new ready > another runs", after: strayLeft},

	{name: "network cut", what: "the node is unreachable while its API server restarts", play: cutDuringWait, exit: 23, states: "old ready > wrote > new ready", after: applied},
	{name: "plug pulled", what: "the node loses its power while its API server restarts, and boots", play: plugPulled, exit: 23, states: "old ready > wrote > new ready", after: applied},

	{name: "shipper stopped", what: "nothing is shipped to Loki", before: func(b *bench) { b.must(b.stopShipper("master1")) },
		exit: 21, says: []string{"loki-query.shipped", "rolled back"}, states: "new ready > wrote > down > old ready", after: restored},
	{name: "shipper's path wrong", what: "another file is shipped to Loki", before: func(b *bench) { b.must(b.misleadShipper("master1")) },
		exit: 21, says: []string{"loki-query.shipped", "rolled back"}, states: "new ready > wrote > down > old ready", after: restored},
	{name: "Loki down before", what: "Loki does not answer", before: func(b *bench) { b.must(b.stopLoki()) },
		exit: 60, says: []string{"loki-query.shipped"}, never: "wrote", after: unchanged},
	{name: "Loki down later", what: "Loki answers before the change and not after it", play: lokiDownLater, exit: 21, states: "new ready > wrote > down > old ready", after: restored},

	{name: "three masters", what: "nothing; one a day, the others are asked", play: threeMasters, options: lab.Options{Masters: 3, Register: true}, after: func(*bench, string) {}},
	{name: "ordinary user", what: "sudo, a jump host, fish as login shell", play: appliedTwice, options: lab.Options{User: "ops"}, states: "old ready > wrote > down > new ready > wrote > down > old ready", after: restored,
		realOnly: "its nodes have one user"},
	{name: "kubeadm", what: "nothing; kubeadm renders what hcrun writes", play: asKubeadm, after: applied, realOnly: "it has no kubeadm"},
}

// crashed is what the API server goes through when the new one cannot start and the old one comes back.
const crashed = "old ready > wrote > down > new ended > wrote > old runs > old ready"

// unchecked takes out what refuses a broken policy before anything is touched.
var unchecked = []string{"  validate    = \"audit-policy\"\n", ""}

// ready asks a node's API server, on the node.
const ready = "curl -sk -m 2 https://127.0.0.1:6443/readyz || true"

func init() {
	for i, k := range kills {
		table = append(table, scenario{name: "killed " + k.name, what: "kill -9 of hcrun; resumed", play: killed(i), states: "old ready > wrote > new ready", after: applied})
	}
}

// TestSimulated plays the table on the lab that hcrun brings along.
func TestSimulated(t *testing.T) {
	for i, s := range table {
		if s.realOnly != "" {
			continue // its row says so
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			play(t, "simulated", i, func(dir string) bed { return newSimulated(t, dir) })
		})
	}
}

// TestReal plays it on real components.
func TestReal(t *testing.T) {
	l, loki := newLab(t)
	for i, s := range table {
		times := 1
		if s.options.Masters > 1 {
			times = *soak
		}
		for range times {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				play(t, "real", i, func(dir string) bed {
					o := s.options
					o.Masters = max(o.Masters, 1)
					var bastion *lab.Node
					if o.User != "" {
						var err error
						if bastion, err = l.Bastion(); err != nil {
							t.Fatal(err)
						}
						o.From = bastion.IP
					}
					return newReal(t, dir, l, loki, o, bastion)
				})
			})
		}
	}
}

// play makes a bed, plays a row on it and holds it against what it says.
func play(t *testing.T, kind string, row int, make func(dir string) bed) {
	s := table[row]
	r := result{bed: kind, scenario: s.name, row: row, exit: s.exit}
	began := time.Now()
	var b *bench
	t.Cleanup(func() { // the last one: a bed that cannot be taken away fails the row
		r.seconds, r.passed = time.Since(began).Seconds(), !t.Failed()
		if b != nil {
			r.wrong = b.wrong
		}
		results.Lock()
		results.all = append(results.all, r)
		results.Unlock()
	})
	dir := t.TempDir()
	b = newBench(t, make(dir), dir)
	var w *watch
	defer func() {
		if w != nil {
			w.end()
			b.measure(&r, w)
			b.Logf("%s: %s", s.what, w)
		}
	}()
	before := b.tree("master1")
	w = b.watch("master1")
	if s.policy != "" || s.edit != nil {
		b.edited(s.policy, s.edit...)
	}
	if s.before != nil {
		s.before(b)
	}
	if s.play != nil {
		s.play(b)
	} else {
		out := b.hcrun(s.exit, b.applying("master1")...)
		b.Log(progress(out))
		for _, say := range s.says {
			if !strings.Contains(progress(out), say) {
				b.Errorf("it does not say %q:\n%s", say, progress(out))
			}
		}
		if s.exit != 0 && !strings.Contains(out, "next:") {
			b.Errorf("it names no next command:\n%s", progress(out))
		}
	}
	if s.kept != "" && !b.kept(s.kept) {
		b.Errorf("what hcrun keeps has no %q in it", s.kept)
	}
	s.after(b, before)
	w.end()
	if s.states != "" {
		if state := w.missing(s.states); state != "" {
			b.Errorf("the API server did not go through %q: there is no %q in %s", s.states, state, w)
		}
	}
	if s.never != "" && w.has(s.never) {
		b.Errorf("the API server was %q: %s", s.never, w)
	}
	if w.has("2 run") {
		b.Errorf("two API servers ran at once: %s", w)
	}
}

// measure fills in the times that the table shows.
func (b *bench) measure(r *result, w *watch) {
	wrote := w.first("wrote", time.Time{})
	if wrote.IsZero() {
		return
	}
	up := w.first("new ready", wrote)
	r.ready, r.verified = w.between(wrote, up), b.verified
	if r.exit == 0 {
		return
	}
	from := wrote
	if crash := w.first("new ended", wrote); !crash.IsZero() && up.IsZero() {
		from = crash
		r.crash = w.between(wrote, crash)
	}
	back := w.first("old ready", from)
	if !up.IsZero() {
		back = w.first("old ready", up)
	}
	r.back = w.between(from, back)
}

// progress is what a run said, without its plan.
func progress(out string) string {
	if first := firstLine.FindStringIndex(out); first != nil {
		return out[first[0]:]
	}
	return out
}

// firstLine is the first thing that a run says: its name.
var firstLine = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  .* run  .*$`)
