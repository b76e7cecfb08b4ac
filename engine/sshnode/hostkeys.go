package sshnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"github.com/hcrun/hcrun/engine"
)

// knownHosts is what the operator's files say about one host.
type knownHosts struct {
	config Config
	db     *knownhosts.HostKeyDB
}

// readKnownHosts reads the files that exist. One malformed line makes a file useless, so it is named.
func readKnownHosts(c Config) (*knownHosts, error) {
	var files []string
	for _, f := range c.KnownHosts {
		switch _, err := os.Stat(f); {
		case err == nil:
			files = append(files, f)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, &engine.Problem{Code: engine.Identity, What: fmt.Sprintf("read the known hosts: %v", err), Err: err}
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, &engine.Problem{
			Code: engine.Identity,
			What: fmt.Sprintf("read the known hosts: %s; no line of the file counts until this one is mended", strings.TrimPrefix(err.Error(), "knownhosts: ")),
			Err:  err,
		}
	}
	return &knownHosts{config: c, db: db}, nil
}

// algorithms are those of the keys known for the host, so that the server shows one of them; for an
// unknown host every sound one, to be able to show what the server has.
func (k *knownHosts) algorithms() []string {
	sound := ssh.SupportedAlgorithms().HostKeys
	known := k.db.HostKeyAlgorithms(k.config.knownAs())
	both := slices.DeleteFunc(known, func(a string) bool { return !slices.Contains(sound, a) })
	if len(both) == 0 {
		return sound
	}
	return both
}

// check is the host key callback: known, or a Problem that says what to do.
func (k *knownHosts) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	err := k.db.HostKeyCallback()(k.config.knownAs(), remote, key)
	if err == nil {
		return nil
	}
	c := k.config
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	p := &engine.Problem{Code: engine.Identity, Err: err}
	var changed *xknownhosts.KeyError
	var revoked *xknownhosts.RevokedError
	switch {
	case errors.As(err, &revoked):
		p.What = fmt.Sprintf("the host key of %s is revoked by %s:%d: %s", c.called(), revoked.Revoked.Filename, revoked.Revoked.Line, shown)
	case errors.As(err, &changed) && len(changed.Want) > 0:
		var b strings.Builder
		fmt.Fprintf(&b, "the host key of %s is not the one that is known: another machine, a new installation, or somebody in between\n  shown by the server: %s", c.called(), shown)
		for _, w := range changed.Want {
			fmt.Fprintf(&b, "\n  known from %s:%d: %s %s", w.Filename, w.Line, w.Key.Type(), ssh.FingerprintSHA256(w.Key))
		}
		b.WriteString("\nFind out why first; only then remove that line and trust the new key.")
		p.What = b.String()
	case errors.As(err, &changed):
		p.What = fmt.Sprintf("%s is unknown: none of the known hosts files has a key for it\n  shown by the server: %s\nCompare the fingerprint with the one on the machine itself.", c.called(), shown)
		p.Next = "hcrun trust " + cmp.Or(c.toward, c.Name)
	default:
		p.What = fmt.Sprintf("the host key of %s, %s, cannot be checked: %s", c.called(), shown, clip(err.Error()))
	}
	return p
}

// HostKey is a key that a server shows.
type HostKey struct {
	Type        string // "ssh-ed25519"
	Fingerprint string // "SHA256:..."
	Line        string // as known_hosts has it
	Known       bool   // it is in the known hosts files already
	Contradicts error  // *engine.Problem when those files have another key of this type for the host
}

// compare says what the operator's files have to say about a key that was shown.
func (k *knownHosts) compare(key ssh.PublicKey) (known bool, contradicts error) {
	err := k.db.HostKeyCallback()(k.config.knownAs(), &net.TCPAddr{IP: net.IPv4zero}, key)
	var changed *xknownhosts.KeyError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &changed) && !slices.ContainsFunc(changed.Want, func(w xknownhosts.KnownKey) bool { return w.Key.Type() == key.Type() }):
		return false, nil // nothing is known, or only keys of other types
	}
	return false, k.check(k.config.hostport(), &net.TCPAddr{IP: net.IPv4zero}, key)
}

// errSeen ends a handshake whose only purpose was to see the key.
var errSeen = errors.New("host key seen")

// HostKeys returns the keys that the server shows, one connection for each type of key; nothing is
// trusted and nobody logs in, but to the jump hosts, whose keys have to be known. Errors are *engine.Problem with code Unreachable, or Identity when the known
// hosts files cannot be read, or ctx's own.
func HostKeys(ctx context.Context, c Config) ([]HostKey, error) {
	if c.ControlPath != "" {
		return nil, engine.Problemf(engine.Invalid, "%s: its key is checked by the ssh client that holds the control socket", c.called())
	}
	files, err := readKnownHosts(c)
	if err != nil {
		return nil, err
	}
	r, err := openRoute(ctx, c)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var keys []HostKey
	for _, algorithm := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512} {
		var shown atomic.Pointer[ssh.PublicKey] // the handshake may still be under way when it is given up
		_, err := r.handshake(ctx, c, &ssh.ClientConfig{
			User:              c.User,
			HostKeyAlgorithms: []string{algorithm},
			HostKeyCallback:   func(_ string, _ net.Addr, key ssh.PublicKey) error { shown.Store(&key); return errSeen },
		}, nil)
		var none *ssh.AlgorithmNegotiationError
		seen := shown.Load()
		switch {
		case seen != nil:
			key := HostKey{Type: (*seen).Type(), Fingerprint: ssh.FingerprintSHA256(*seen), Line: knownhosts.Line([]string{c.knownAs()}, *seen)}
			key.Known, key.Contradicts = files.compare(*seen)
			keys = append(keys, key)
		case !errors.As(err, &none):
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, engine.Problemf(engine.Unreachable, "%s shows no host key of a sound type", c.called())
	}
	return keys, nil
}
