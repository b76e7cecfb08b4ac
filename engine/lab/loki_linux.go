package lab

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/hcrun/hcrun/engine/lab/sim"
)

// serveLoki answers on the machine's loopback and on a socket in each node's shared folder.
func (s *supervisor) serveLoki(ctx context.Context) error {
	files := map[string]string{}
	listeners := make([]net.Listener, 1, 1+len(s.slots))
	for _, sl := range s.slots {
		n := s.home.node(sl.Name)
		files[sl.Name] = filepath.Join(n.tree(), "var/log/kubernetes/audit.log")
		l, err := listenUnix(n.shared(), lokiSock)
		if err != nil {
			return err
		}
		listeners = append(listeners, l)
	}
	tcp, err := listenOn(s.state.Loki)
	if err != nil {
		return err
	}
	listeners[0] = tcp
	s.state.Loki = tcp.Addr().(*net.TCPAddr).Port
	loki := &sim.Loki{Now: s.now, Nodes: files, Breaks: s.allBroken, Pace: s.state.Pace}
	go loki.Run(ctx)
	srv := &http.Server{Handler: loki, ReadHeaderTimeout: 10 * time.Second}
	for _, l := range listeners {
		go srv.Serve(l) // until the process ends
	}
	return nil
}

func (s *supervisor) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.state.Offset)
}

// allBroken is what is broken anywhere, as NODE/KIND.
func (s *supervisor) allBroken() []string {
	var all []string
	for _, sl := range s.slots {
		for _, k := range broken(s.home.node(sl.Name).shared()) {
			all = append(all, sl.Name+"/"+k)
		}
	}
	return all
}
