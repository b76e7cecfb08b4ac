package sshnode

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

//go:embed revert.sh
var revertSource string

// maxReverted is how much is read of what a switch says that it did not put back.
const maxReverted = 64 << 10

// Arm has the node wait and then put everything back by itself; see engine.WritableNode.
func (h *held) Arm(ctx context.Context, within time.Duration, all []engine.Restore) (weak bool, err error) {
	ways, err := waysBack(all)
	if err != nil {
		return false, h.config.preflight(err, "arm %s: %v", h.Name(), err)
	}
	grade := "strong"
	if h.config.WeakSwitch {
		grade = "weak"
	}
	got, err := h.recorded(ctx, "arm", func(labels bool) ([]byte, []string) {
		words := []string{h.config.keep(), h.token, h.run, strconv.FormatInt(int64((within+time.Second-1)/time.Second), 10), grade}
		return revertScript(h.run, ways, labels), append(words, needed(ways, labels)...)
	})
	return got == "weak", err
}

// wayBack is how one path is put back from one state that the run may have left it in. Those of a path follow
// each other.
type wayBack struct {
	putJob
	copy string          // the number of the copy that it needs, "-" for none
	undo *engine.Restore // a command, and nothing else counts
}

// line is the script's.
func (w wayBack) line(labels bool) string {
	if w.undo == nil {
		return "back " + quote(append([]string{w.copy}, w.words(labels)...)...) + "\n"
	}
	probe, _ := engine.ProbeOf(w.undo.At)
	argv := w.undo.Cmd.Run
	return "undo " + quote(strconv.Itoa(max(1, int(w.undo.Cmd.Longest().D()/time.Second))), w.undo.Before.Says, quote(probe...), quote(argv...), engine.ShellWords(argv)) + "\n"
}

// waysBack works out how everything is put back. The node does it as it does every other change.
func waysBack(all []engine.Restore) ([]wayBack, error) {
	var ways []wayBack
	for i, r := range all {
		if r.Cmd != nil {
			probe, _ := engine.ProbeOf(r.At)
			for _, w := range slices.Concat(probe, r.Cmd.Run) {
				if err := checkWord(w); err != nil {
					return nil, err
				}
			}
			ways = append(ways, wayBack{undo: &r})
			continue
		}
		for _, left := range r.After {
			job, err := planPut(engine.Change{At: r.At, Before: left, After: r.Before})
			if err != nil {
				return nil, err
			}
			if path.Dir(r.At) == "/" && path.Base(r.At) == "/" {
				return nil, fmt.Errorf("%q is not put back", r.At)
			}
			w := wayBack{putJob: job, copy: "-"}
			if job.size > 0 {
				w.copy = itoa(i)
			}
			ways = append(ways, w)
		}
	}
	return ways, nil
}

// needed are the worker's words for what must not be immutable, for the copies to make, and for the room that the run
// itself will take.
func needed(ways []wayBack, labels bool) []string {
	var words []string
	room, copied := map[string]int64{}, map[string]bool{}
	var dirs []string
	asked := map[string]bool{}
	free := func(at string) {
		if !asked[at] {
			asked[at] = true
			words = append(words, "free", at, "-")
		}
	}
	for _, w := range ways {
		if w.undo != nil {
			continue
		}
		dir := path.Dir(w.change.At)
		if w.change.After.Kind != engine.Absent {
			free(w.change.At)
		}
		if w.how != "meta" {
			free(dir)
		}
		if _, known := room[dir]; !known {
			dirs = append(dirs, dir)
		}
		if left := w.change.Before; left.Kind == engine.File && !left.AnyContent {
			room[dir] += left.Content.Size()
		} else {
			room[dir] += 0
		}
		if w.copy != "-" && !copied[w.copy] {
			copied[w.copy] = true
			words = append(words, w.copy, w.change.At, pattern(w.change.After, labels))
		}
	}
	for _, dir := range dirs {
		words = append(words, "room", dir, strconv.FormatInt(room[dir], 10))
	}
	return words
}

// revertScript is the script that lies on the node while the switch is armed, and after a run has landed.
func revertScript(run string, ways []wayBack, labels bool) []byte {
	var list strings.Builder
	for _, w := range ways {
		list.WriteString(w.line(labels))
	}
	text := strings.ReplaceAll(withFiles(revertSource), "#run#", run)
	return []byte(strings.Replace(text, "#list#\n", list.String(), 1))
}

// Copy is what the node has kept of the i-th path of a run; see engine.Claimable. Of what was empty, and of what others
// write, it keeps nothing.
func (n *Node) Copy(ctx context.Context, run string, i int) (c engine.Content, err error) {
	if !runPattern.MatchString(run) {
		return c, fmt.Errorf("%q cannot be the name of a run", run)
	}
	got, err := n.Look(ctx, n.config.keep()+"/undo/"+run+"/"+itoa(i))
	if err != nil || got[0].Kind != engine.File {
		return c, err
	}
	return got[0].Content, nil
}

// Switch reads what became of a switch; see engine.Claimable.
func (n *Node) Switch(ctx context.Context, run string) (s engine.Switch, err error) {
	if !runPattern.MatchString(run) {
		return s, fmt.Errorf("%q cannot be the name of a run", run)
	}
	at := n.config.keep() + "/undo/" + run
	got, err := n.Look(ctx, at, at+"/decision", at+"/reverted")
	if err != nil || got[0].Kind != engine.Dir {
		return s, err
	}
	s.State = engine.Armed
	if got[1].Kind == engine.File {
		word, err := got[1].Content.Read(ctx, maxClaim)
		if err != nil {
			return s, err
		}
		switch string(word) {
		case "confirmed\n":
			s.State = engine.Confirmed
		case "fired\n":
			s.State = engine.HasFired
		default:
			return s, n.damaged("undo/"+run+"/decision", fmt.Errorf("it is neither"))
		}
	}
	if s.State != engine.HasFired || got[2].Kind != engine.File {
		return s, nil
	}
	s.Over = true
	left, err := got[2].Content.Read(ctx, maxReverted)
	for line := range bytes.Lines(left) {
		s.Left = append(s.Left, clip(string(line)))
	}
	return s, err
}
