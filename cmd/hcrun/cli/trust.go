package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
)

func (a *app) trustCmd() *cobra.Command {
	var yes bool
	c := a.withInventory(&cobra.Command{
		Use:   "trust HOST...",
		Short: "Show hosts' SSH keys and, when you say so, record them as known",
		Long:  "Compare the fingerprints with those on the machine's own console before you say yes: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Nothing else in hcrun ever trusts a new key.",
		Args:  exactly(1, -1, "one or more hosts"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.site(c.Context(), filepath.Join("playbooks", "x"))
			if err != nil {
				return err
			}
			for _, pattern := range args {
				hosts, err := s.inv.Select(pattern)
				if err != nil {
					return err
				}
				for _, h := range hosts {
					if err := a.trust(c.Context(), s, h, yes); err != nil {
						return err
					}
				}
			}
			return nil
		},
	})
	c.Flags().BoolVar(&yes, "yes", false, "record them without asking")
	return c
}

func (a *app) trust(ctx context.Context, s *site, h inventory.Host, yes bool) error {
	for i, hop := range h.Jump { // their keys have to be known before h can be seen
		if hop.ControlPath != "" {
			continue // the ssh client that holds the socket has checked it
		}
		hop.Jump = h.Jump[:i]
		if err := a.trust(ctx, s, hop, yes); err != nil {
			return err
		}
	}
	config := s.config(h)
	keys, err := sshnode.HostKeys(ctx, config)
	if err != nil {
		return err
	}
	a.note("%s (%s) shows:", h.Name, s.address(h))
	for _, k := range keys {
		a.note("  %-28s %s%s", k.Type, k.Fingerprint, map[bool]string{true: "  known already"}[k.Known])
		if k.Contradicts != nil {
			return k.Contradicts
		}
	}
	if keys = slices.DeleteFunc(keys, func(k sshnode.HostKey) bool { return k.Known }); len(keys) == 0 {
		return nil
	}
	path, err := knownHosts(h)
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, fmt.Sprintf("record them in %s?", path), yes); err != nil {
		return err
	}
	if err := addLines(path, keys); err != nil {
		return engine.Problemf(engine.Invalid, "record the keys in %s: %w", path, err)
	}
	return nil
}

// knownHosts is the file that new keys go to: the inventory's first, or the user's own.
func knownHosts(h inventory.Host) (string, error) {
	if len(h.KnownHosts) > 0 {
		return h.KnownHosts[0], nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usage("no known_hosts file: name one in the inventory (%v)", err)
	}
	return filepath.Join(home, ".ssh", "known_hosts"), nil
}

func addLines(path string, keys []sshnode.HostKey) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	text := ""
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			text = "\n"
		}
	}
	for _, k := range keys {
		text += k.Line + "\n"
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
