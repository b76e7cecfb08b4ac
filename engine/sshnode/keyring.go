package sshnode

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hcrun/hcrun/engine"
)

// keyring is every key that may be offered, as one method: the SSH library tries only the first
// method of each kind, so an agent and key files beside each other would leave the files untried.
// Key files come first, because servers count refused keys and end the connection at the sixth.
type keyring struct {
	name    string
	offered []ssh.Signer
	labels  []string // what each is called
	notes   []string // what could not be used and why
	sock    net.Conn
	asked   atomic.Bool // by the server; the handshake may still be under way when it is read
}

// newKeyring loads the keys; Close it after the handshake, the agent signs until then.
func newKeyring(c Config) *keyring {
	k := &keyring{name: c.called()}
	held := k.dialAgent(c.Agent)
	used := map[string]bool{}
	for _, file := range c.Identities {
		s, err := load(file, held)
		if err != nil {
			k.notes = append(k.notes, err.Error())
			continue
		}
		used[string(s.PublicKey().Marshal())] = true
		k.add(s, file)
	}
	if c.IdentitiesOnly {
		held = nil
	}
	for _, s := range held {
		if !used[string(s.PublicKey().Marshal())] {
			k.add(s, "agent")
		}
	}
	return k
}

func (k *keyring) add(s ssh.Signer, label string) {
	k.offered = append(k.offered, s)
	k.labels = append(k.labels, label+" "+ssh.FingerprintSHA256(s.PublicKey()))
}

// dialAgent returns the agent's keys; its socket stays open until Close.
func (k *keyring) dialAgent(socket string) []ssh.Signer {
	if socket == "" {
		return nil
	}
	conn, err := net.DialTimeout("unix", socket, 2*time.Second)
	if err != nil {
		k.notes = append(k.notes, "no agent: "+err.Error())
		return nil
	}
	k.sock = conn
	conn.SetDeadline(time.Now().Add(time.Minute)) // somebody may have to touch a hardware key
	held, err := agent.NewClient(conn).Signers()
	if err != nil {
		k.notes = append(k.notes, "the agent gives no keys: "+err.Error())
	}
	return held
}

// load reads a private key file; the agent may hold the one that is encrypted.
func load(file string, held []ssh.Signer) (ssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if line, e := os.ReadFile(file + ".pub"); e == nil { // of a key that only the agent has
			pem, err = line, nil
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	public, _, _, _, notPublic := ssh.ParseAuthorizedKey(pem)
	switch {
	case err == nil:
		return s, nil
	case notPublic == nil:
		if h := holder(held, public); h != nil {
			return h, nil
		}
		return nil, fmt.Errorf("%s is a public key and no agent holds its private one", file)
	case !errors.As(err, &locked):
		return nil, fmt.Errorf("%s is not a private key: %w", file, err)
	}
	pub := locked.PublicKey
	if pub == nil {
		if line, err := os.ReadFile(file + ".pub"); err == nil {
			pub, _, _, _, _ = ssh.ParseAuthorizedKey(line)
		}
	}
	if h := holder(held, pub); h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("%s is encrypted and no agent holds it (ssh-add %s)", file, file)
}

// holder is the agent's signer for a public key; nil if the agent does not have it.
func holder(held []ssh.Signer, pub ssh.PublicKey) ssh.Signer {
	for _, h := range held {
		if pub != nil && bytes.Equal(h.PublicKey().Marshal(), pub.Marshal()) {
			return h
		}
	}
	return nil
}

// problem is the error of having nothing to offer.
func (k *keyring) problem() error {
	if len(k.offered) > 0 {
		return nil
	}
	why := "no key is named and no agent holds one"
	if len(k.notes) > 0 {
		why = strings.Join(k.notes, "; ")
	}
	return &engine.Problem{Code: engine.Unreachable, What: fmt.Sprintf("connect to %s: there is no key to log in with: %s", k.name, why)}
}

func (k *keyring) signers() ([]ssh.Signer, error) {
	k.asked.Store(true)
	return k.offered, nil
}

// String says what was tried.
func (k *keyring) String() string {
	if k == nil {
		return "nothing was tried"
	}
	s := "tried " + strings.Join(k.labels, ", ")
	if len(k.notes) > 0 {
		s += "; not tried: " + strings.Join(k.notes, "; ")
	}
	return s
}

// Close closes the agent's socket.
func (k *keyring) Close() error {
	if k.sock == nil {
		return nil
	}
	return k.sock.Close()
}
