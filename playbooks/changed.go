package playbooks

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// Changed names the files that are no longer what they were when inputs were recorded: the playbook at path, and those
// that it has read, as it names them. Nothing of the playbook is evaluated but where its files are, and what cannot be
// read says nothing: the playbook may be on another machine. Variables are not asked for.
func Changed(path string, o Options, inputs map[string]string) []string {
	was, isFile := inputs["playbook"]
	src, err := lang.ReadFile(path)
	if !isFile || err != nil {
		return nil
	}
	var changed []string
	if hashOf(src) != was {
		changed = append(changed, path)
	}
	f := &File{path: path, filename: path, kinds: o.Kinds, sources: map[string][]byte{path: src}, asked: &asked{lookup: o.Env}, tell: o.Hide, body: &part{file: path}}
	body, _ := lang.Parse(path, src, wantsPlaybook)
	if body == nil {
		return changed
	}
	if f.body.skeleton, _ = split(path, body, o.Kinds, false); f.body.playbook == nil || f.open().HasErrors() {
		return changed
	}
	defer f.files.root.Close()
	var files []string
	for name, was := range inputs {
		name, isFile := strings.CutPrefix(name, "file ")
		if !isFile {
			continue
		}
		switch is, err := f.files.hashNow(name); {
		case errors.Is(err, fs.ErrNotExist):
			files = append(files, name+" (gone)")
		case err == nil && is != was:
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return append(changed, files...)
}

// hashNow is the hash of what is a file by now, whatever it was.
func (l *localFiles) hashNow(name string) (string, error) {
	f, err := l.Open(name)
	if err != nil {
		return "", err
	}
	f.Close()
	return l.hash(name)
}
