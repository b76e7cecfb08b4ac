package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Saw is what the stand-in for kubelet found when it was started.
type Saw struct {
	BootID    string
	Manifests map[string]string // SHA-256 of each file in /etc/kubernetes/manifests; kubelet passes over hidden ones
}

// KubeletSaw is what the stand-in for kubelet found, one for each time that it was started. The node may be off.
func (n *Node) KubeletSaw() ([]Saw, error) {
	b, err := os.ReadFile(n.Path(sawFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []Saw
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if !strings.HasSuffix(line, "\n") || len(f) == 0 {
			return all, fmt.Errorf("half a line in %s: %q", sawFile, line)
		}
		saw := Saw{f[0], map[string]string{}}
		for _, m := range f[1:] {
			hash, name, _ := strings.Cut(m, "=")
			saw.Manifests[name] = hash
		}
		all = append(all, saw)
	}
	return all, err
}

// sawFile has a line for each start: boot_id HASH=NAME...
const sawFile = "/var/log/kubelet-saw"

// kubeletUnit starts as a kubelet from Debian's packages does.
const kubeletUnit = `[Unit]
Description=kubelet, a stand-in that notes what it finds

[Service]
Type=simple
ExecStart=/usr/local/bin/kubelet
Restart=always
RestartSec=10
StandardOutput=append:` + sawFile + `

[Install]
WantedBy=multi-user.target
`

// kubeletProgram writes its line at once, or not at all.
const kubeletProgram = `#!/bin/sh
saw=$(cat /proc/sys/kernel/random/boot_id)
for f in /etc/kubernetes/manifests/*; do
  [ -f "$f" ] || continue
  hash=$(sha256sum "$f") || continue
  saw="$saw ${hash%% *}=${f##*/}"
done
echo "$saw"
exec sleep infinity >/dev/null
`
