package tasks

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func TestHttpCheck(t *testing.T) {
	always := func(status int) func(float64) int { return func(float64) int { return status } }
	tests := []struct {
		name     string
		task     HttpCheck
		status   func(seconds float64) int // 0: refused
		config   func(ca *string, c *tls.Config)
		lost     bool
		min, max float64
		mark     []string // what Mark says
		want     []string
	}{
		{name: "well", task: HttpCheck{Passes: 3}, status: always(200), min: 2, max: 3, mark: []string{"proven"}, want: []string{"proven"}},
		{name: "another status", task: HttpCheck{Status: 204}, status: always(204), max: 1, mark: []string{"proven"}, want: []string{"proven"}},
		{name: "comes up", status: func(s float64) int { return map[bool]int{true: 200}[s > 10] }, min: 10, max: 12, mark: []string{"proven"}, want: []string{"proven"}},
		{name: "a pass that is not followed by others", task: HttpCheck{Passes: 3}, status: func(s float64) int { return 200 + 300*(int(s)%2) }, min: 30, max: 32, mark: []string{"proven"}, want: []string{"failed: https://127.0.0.1:6443/readyz, asked from master1 for 30s, "}},
		{name: "down", status: always(0), min: 30, max: 32, mark: []string{"proven"}, want: []string{"unavailable: ", "gives no answer: connection refused"}},
		{name: "not ready", status: always(500), min: 30, max: 32, mark: []string{"proven"}, want: []string{"failed: ", "answers 500 (etcd failing)"}},
		{name: "wants a password", status: always(401), min: 30, max: 32, mark: []string{"unavailable: ", "--anonymous-auth"}, want: []string{"failed: ", "answers 401", "--anonymous-auth"}},
		{name: "forbidden", status: always(403), min: 30, max: 32, mark: []string{"unavailable: "}, want: []string{"failed: ", "answers 403", "--anonymous-auth"}},
		{name: "a redirect", status: always(302), min: 30, max: 32, mark: []string{"proven"}, want: []string{"failed: ", "answers 302, a redirect to https://elsewhere/, which is not followed"}},
		{name: "contains", task: HttpCheck{Contains: "[+]ping"}, status: always(200), max: 1, mark: []string{"proven"}, want: []string{"proven"}},
		{name: "contains not", task: HttpCheck{Contains: "all is well"}, status: always(200), min: 30, max: 32, mark: []string{"proven"}, want: []string{"failed: ", `answers 200 without "all is well" in it`}},
		{name: "another name", task: HttpCheck{ServerName: "etcd"}, status: always(200), min: 30, max: 32, mark: []string{"unavailable: ", "not who it should be", "openssl"}, want: []string{"unavailable: ", "not who it should be"}},
		{name: "another authority", config: func(ca *string, _ *tls.Config) { *ca = "-----BEGIN CERTIFICATE-----\n" }, status: always(200), max: 1, mark: []string{"problem 42: ", "no certificate in it"}, want: []string{"problem 42: "}},
		{name: "speaks http", config: func(_ *string, c *tls.Config) { c.Certificates = nil }, status: always(200), min: 30, max: 32, mark: []string{"unavailable: ", "it speaks http, not https"}, want: []string{"unavailable: "}},
		{name: "the node is gone", lost: true, status: always(200), max: 1, mark: []string{"connection lost"}, want: []string{"error: ", "connection lost"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, config := authority(t, "kubernetes")
				if test.config != nil {
					test.config(&ca, config)
				}
				if config.Certificates == nil {
					config = nil
				}
				n := &scripted{files: map[string]string{kubeadmCA: ca}}
				began := time.Now()
				l, stop := n.serve("127.0.0.1:6443", config, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", map[bool]string{true: "https://elsewhere/"}[test.status(0) == 302])
					if status := test.status(time.Since(began).Seconds()); status != 0 {
						w.WriteHeader(status)
					}
					if test.status(0) != 204 {
						fmt.Fprint(w, "[+]ping ok\n[-]etcd failed\n")
					}
				})
				defer stop()
				l.down.Store(test.status(0) == 0)
				if test.lost {
					n.dialErr = &engine.LostError{Node: "master1", Err: errors.New("eof")}
				}
				task := test.task
				task.URL = "https://127.0.0.1:6443/readyz"
				_, err := task.Mark(t.Context(), n.watch(), nil)
				wants(t, verdict(err), test.mark...)
				began = time.Now()
				if test.status(1000) != 0 {
					time.AfterFunc(10*time.Second, func() { l.down.Store(false) })
				}
				err = task.Check(t.Context(), n.watch(), nil)
				wants(t, verdict(err), test.want...)
				if took := time.Since(began).Seconds(); took < test.min || took > test.max {
					t.Errorf("took %.1f s, not %v to %v", took, test.min, test.max)
				}
			})
		})
	}
}

// TestHttpCheckController asks from this machine, whose authorities do not know the server.
func TestHttpCheckController(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	n := &scripted{dialErr: errors.New("the node was asked")}
	_, err := (&HttpCheck{URL: srv.URL, Via: "controller"}).Mark(t.Context(), n.watch(), nil)
	wants(t, verdict(err), "unavailable: ", "asked from this machine", "not who it should be")
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if err := (&HttpCheck{URL: plain.URL, Via: "controller", Status: 404}).Check(t.Context(), n.watch(), nil); err != nil {
		t.Error(err)
	}
}

func TestHttpCheckPrepare(t *testing.T) {
	tests := []struct {
		task HttpCheck
		want string
	}{
		{HttpCheck{URL: "https://127.0.0.1:6443/readyz"}, "proven"},
		{HttpCheck{URL: ""}, "url:"},
		{HttpCheck{URL: "ftp://x"}, "url:"},
		{HttpCheck{URL: "http://u:p@x"}, "url:"},
		{HttpCheck{URL: "http://x", Status: 42}, "status:"},
		{HttpCheck{URL: "http://x", Passes: -1}, "passes:"},
		{HttpCheck{URL: "http://x", Via: "peer"}, "via:"},
		{HttpCheck{URL: "http://x", CA: "/ca.crt"}, "ca:"},
		{HttpCheck{URL: "http://x", ServerName: "x"}, "server_name:"},
		{HttpCheck{URL: "https://x", CA: "/ca.crt", Via: "controller"}, "ca: a path is one of the node's"},
	}
	for _, test := range tests {
		wants(t, verdict(test.task.Prepare(nil)), test.want)
		if strings.Contains(verdict(test.task.Prepare(nil)), "u:p") {
			t.Error("a password is shown")
		}
	}
}
