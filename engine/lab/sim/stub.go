package sim

import (
	"context"
	"io"
	"net/http"
	"time"
)

type kubelet struct{}

func newKubelet(n *Node) (*kubelet, error)       { return nil, nil }
func (k *kubelet) run(ctx context.Context) error { <-ctx.Done(); return nil }

func Crictl(stateDir string, args []string, stdout, stderr io.Writer) int     { return 1 }
func Journalctl(stateDir string, args []string, stdout, stderr io.Writer) int { return 1 }
func Systemctl(args []string, stdout, stderr io.Writer) int                   { return 1 }

type Kind struct{ Name, What string }

func Kinds() []Kind { return nil }

type Loki struct {
	Now    func() time.Time
	Nodes  map[string]string
	Breaks func() []string
	Pace   float64
}

func (l *Loki) Run(ctx context.Context)                          { <-ctx.Done() }
func (l *Loki) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
