package inventory

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/playbooks/lang"
)

var update = flag.Bool("update", false, "write the golden files")

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// TestBroken reads every inventory below testdata and compares what is said of it.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d inventories, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".hcl"), func(t *testing.T) {
			_, err := Load(path, env("EMPTY", ""))
			if _, ok := errors.AsType[*lang.Error](err); !ok {
				t.Fatalf("%v is no finding", err)
			}
			compare(t, strings.TrimSuffix(path, ".hcl")+".golden", err.Error()+"\n")
		})
	}
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func load(t *testing.T, text string) *Inventory {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := Load(path, env("DOMAIN", "example.org"))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestLoad(t *testing.T) {
	i := load(t, `
defaults {
  user            = "ops"
  port            = 2222
  identity_files  = ["/keys/ed25519"]
  known_hosts     = ["/etc/ssh/known", "beside"]
  agent           = false
  become          = true
  connect_timeout = "3s"
  vars            = { zone = "default", rack = "default", own = "default" }
}
host "a" {
  address        = "a.${env("DOMAIN")}"
  failure_domain = "rack-a"
  switch         = "weak"
}
host "b" {
  address         = "10.0.0.2"
  user            = "root"
  port            = 22
  identity_files  = []
  agent           = true
  become          = false
  connect_timeout = "20s"
  vars            = { own = "host" }
}
host "c" { address = "fd00::3" }
group "g" {
  hosts = ["b", "a"]
  vars  = { rack = "group", own = "group" }
}
group "w" {
  hosts   = ["b"]
  workers = true
  vars    = { rack = "group" }
}
`)
	yes, no := true, false
	known := []string{"/etc/ssh/known", filepath.Join(filepath.Dir(i.Path), "beside")}
	from := func(by string, settings ...string) map[string]string {
		all := map[string]string{"address": FromHost}
		for _, s := range []string{"user", "port", "identity_files", "known_hosts", "agent", "become", "connect_timeout"} {
			all[s] = FromDefaults
		}
		for _, s := range settings {
			all[s] = by
		}
		return all
	}
	want := []Host{
		{Name: "a", Address: "a.example.org", Port: 2222, User: "ops", Identities: []string{"/keys/ed25519"}, Agent: &no, KnownHosts: known, Become: true,
			ConnectTimeout: 3 * time.Second, FailureDomain: "rack-a", Switch: "weak", Vars: map[string]any{"zone": "default", "rack": "group", "own": "group"}, Groups: []string{"g"}, From: from("")},
		{Name: "b", Address: "10.0.0.2", Port: 22, User: "root", Agent: &yes, KnownHosts: known,
			ConnectTimeout: 20 * time.Second, Vars: map[string]any{"zone": "default", "rack": "group", "own": "host"}, Groups: []string{"g", "w"},
			From: from(FromHost, "user", "port", "identity_files", "agent", "become", "connect_timeout")},
		{Name: "c", Address: "fd00::3", Port: 2222, User: "ops", Identities: []string{"/keys/ed25519"}, Agent: &no, KnownHosts: known, Become: true,
			ConnectTimeout: 3 * time.Second, Vars: map[string]any{"zone": "default", "rack": "default", "own": "default"}, From: from("")},
	}
	if !reflect.DeepEqual(i.Hosts, want) {
		t.Errorf("\n%+v\n%+v", i.Hosts, want)
	}
	if want := []Group{{Name: "g", Hosts: []string{"b", "a"}}, {Name: "w", Hosts: []string{"b"}, Workers: true}}; !reflect.DeepEqual(i.Groups, want) {
		t.Errorf("%+v", i.Groups)
	}
	if i.Lab != nil {
		t.Error("this is no lab")
	}
	if _, ok := i.Host("c"); !ok {
		t.Error("host c is not found")
	}
	if _, ok := i.Host("d"); ok {
		t.Error("host d is found")
	}
}

// TestStock: the inventories that come with hcrun.
func TestStock(t *testing.T) {
	i, err := Load("hosts.hcl", env("SECRET_DOMAIN", "example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if h, _ := i.Host("master2"); h.Address != "master2.example.org" || h.User != "root" || h.Port != 22 {
		t.Errorf("%+v", h)
	}
	if _, err := Load("hosts.hcl", env()); err == nil || !strings.Contains(err.Error(), "SECRET_DOMAIN is not set") {
		t.Error(err)
	}
	if i, err = Load("lab.hcl", env()); err != nil {
		t.Fatal(err)
	}
	if i.Lab == nil || i.Lab.Pace != 20 || len(i.Hosts) != 3 || i.Hosts[0].Address != "" {
		t.Errorf("%+v %+v", i.Lab, i.Hosts)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(three, "master[1:2],!master1")
	files, _ := filepath.Glob("testdata/*.hcl")
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil {
			f.Add(string(b), "all")
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, pattern string) {
		path := filepath.Join(dir, "hosts.hcl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Load(path, env())
		if err != nil {
			if _, ok := errors.AsType[*lang.Error](err); !ok || err.Error() == "" {
				t.Errorf("%#v", err)
			}
			return
		}
		if hosts, err := i.Select(pattern); (err == nil) != (len(hosts) > 0) {
			t.Errorf("%q: %v, %v", pattern, hosts, err)
		}
	})
}
