package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// fake is an ssh client that says of each target what a test wants, and what it was asked.
type fake struct {
	mu    sync.Mutex
	says  map[string]string
	asked map[string]int
}

func (f *fake) ssh(_ context.Context, args ...string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked == nil {
		f.asked = map[string]int{}
	}
	f.asked[strings.Join(args, " ")]++
	target := args[len(args)-1]
	text, ok := f.says[target]
	if !ok {
		text = "user me\nhostname " + target + "\nport 22\nidentityfile ~/.ssh/id_none\nuserknownhostsfile /k/user\nconnecttimeout none\nproxyjump none\n"
	}
	return []byte(text), nil
}

// TestResolve: the inventory's word counts, ssh's fills in, and each setting says who gave it.
func TestResolve(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KEYS", home)
	for _, name := range []string{"id-ops-10.0.0.5", "two words", "cp2.pub"} {
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i := load(t, `
defaults { ssh_config = true }
host "cp1" {}
host "cp2" {
  address         = "cp2.example.org"
  user            = "root"
  port            = 2200
  identity_files  = ["/keys/own"]
  known_hosts     = ["/known/own"]
  agent           = true
  connect_timeout = "3s"
  jump            = []
}
host "cp3" {
  address    = "10.0.0.3"
  ssh_config = false
}
host "cp4" { control_path = "~/cm-%C" }
`)
	f := &fake{says: map[string]string{
		"cp1": `user ops
hostname 10.0.0.5
port 2222
identitiesonly yes
identityfile ~/id-%r-%h
identityfile ${KEYS}/two words
identityfile ~/cp2
identityfile ~/not-there
globalknownhostsfile /etc/ssh/known /etc/ssh/known2
userknownhostsfile /k/user /k/two words
connecttimeout 7
hostkeyalias cluster
identityagent ~/agent.sock
proxyjump none
`,
		"cp2.example.org": "user ops\nhostname 10.9.9.9\nport 22\nconnecttimeout 9\nidentityagent none\nproxycommand nc %h %p\ncertificatefile /c\nidentityfile /x\nuserknownhostsfile none\n",
		"cp4":             "user ops\nhostname 10.0.0.4\nport 22\ncontrolpath " + home + "/cm-0123\nproxycommand nc %h %p\n",
	}}
	if err := i.Resolve(t.Context(), f.ssh); err != nil {
		t.Fatal(err)
	}
	yes := true
	ssh := func(settings ...string) map[string]string {
		all := map[string]string{"ssh_config": FromDefaults}
		for _, s := range settings {
			all[s] = FromSSH
		}
		return all
	}
	cp1 := Host{Name: "cp1", Address: "10.0.0.5", Port: 2222, User: "ops", SSHConfig: true, IdentitiesOnly: true, KnownAs: "cluster", ConnectTimeout: 7 * time.Second,
		Identities: []string{home + "/id-ops-10.0.0.5", home + "/two words", home + "/cp2"}, AgentSocket: home + "/agent.sock",
		KnownHosts: []string{"/k/user", "/k/two words", "/etc/ssh/known", "/etc/ssh/known2"},
		From:       ssh("address", "user", "port", "identity_files", "known_hosts", "connect_timeout", "agent")}
	cp2 := Host{Name: "cp2", Address: "cp2.example.org", Port: 2200, User: "root", SSHConfig: true, ConnectTimeout: 3 * time.Second,
		Identities: []string{"/keys/own"}, KnownHosts: []string{"/known/own"}, Agent: &yes,
		From: map[string]string{"ssh_config": FromDefaults, "address": FromHost, "user": FromHost, "port": FromHost, "identity_files": FromHost,
			"known_hosts": FromHost, "agent": FromHost, "connect_timeout": FromHost, "jump": FromHost}}
	for _, want := range []Host{cp1, cp2} {
		if got, _ := i.Host(want.Name); !reflect.DeepEqual(got, want) {
			t.Errorf("\n%+v\n%+v", got, want)
		}
	}
	if cp4, _ := i.Host("cp4"); cp4.ControlPath != home+"/cm-0123" || cp4.Address != "10.0.0.4" {
		t.Errorf("%+v", cp4)
	}
	want := map[string]int{"-G -- cp1": 1, "-G -l root -p 2200 -- cp2.example.org": 1, "-G -o ControlPath=" + home + "/cm-%C -- cp4": 1}
	if !reflect.DeepEqual(f.asked, want) {
		t.Errorf("asked %v, want %v", f.asked, want)
	}
}

// TestResolveJump: what ssh says of jump hosts is asked for them, once, and the inventory's own are kept.
func TestResolveJump(t *testing.T) {
	i := load(t, `
host "bastion" { ssh_config = true }
host "by_ssh" { ssh_config = true }
host "by_list" {
  address = "10.0.0.2"
  jump    = ["bastion"]
}
host "by_list_too" {
  address = "10.0.0.3"
  jump    = ["bastion", "ops@10.1.1.1"]
}
`)
	at := func(host, user, more string) string {
		return "hostname " + host + "\nuser " + user + "\nport 22\n" + more
	}
	f := &fake{says: map[string]string{
		"bastion": at("203.0.113.1", "jump", "proxyjump outer\n"),
		"outer":   at("203.0.113.2", "gate", ""),
		"by_ssh":  at("10.0.0.1", "root", "proxyjump ssh://x@first:2201,second,[fd00::9]:22\n"),
		"first":   at("203.0.113.3", "x", "proxyjump bastion\n"),
		"second":  at("203.0.113.4", "y", "proxyjump ignored\n"),
	}}
	if err := i.Resolve(t.Context(), f.ssh); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"bastion":     "outer=gate@203.0.113.2:22",
		"by_list":     "outer=gate@203.0.113.2:22 bastion=jump@203.0.113.1:22",
		"by_list_too": "outer=gate@203.0.113.2:22 bastion=jump@203.0.113.1:22 ops@10.1.1.1=ops@10.1.1.1:22",
		"by_ssh":      "outer=gate@203.0.113.2:22 bastion=jump@203.0.113.1:22 first=x@203.0.113.3:2201 second=y@203.0.113.4:22 fd00::9=me@fd00::9:22",
	} {
		if h, _ := i.Host(name); route(h) != want {
			t.Errorf("%s: %s; want %s", name, route(h), want)
		}
	}
	for args, n := range f.asked {
		if n != 1 {
			t.Errorf("ssh %s was asked %d times", args, n)
		}
	}
	if f.asked["-G -l x -p 2201 -- first"] != 1 {
		t.Errorf("%v", f.asked)
	}
}

// TestResolveBroken: what is in the way, at the line that wants ssh to be asked.
func TestResolveBroken(t *testing.T) {
	at := "hostname 10.0.0.1\nuser root\nport 22\n"
	for name, says := range map[string]string{
		"proxycommand":  at + "proxycommand nc %h %p",
		"certificate":   at + "certificatefile ~/.ssh/cert.pub",
		"pkcs11":        at + "pkcs11provider /usr/lib/p11.so",
		"known-command": at + "knownhostscommand /usr/bin/keys %H",
		"revoked":       at + "revokedhostkeys /etc/ssh/revoked",
		"bind":          at + "bindaddress 192.0.2.1",
		"interface":     at + "bindinterface eth7",
		"port":          "hostname 10.0.0.1\nuser root\nport many\n",
		"hostname":      "hostname -oProxyCommand=x\nuser root\nport 22\n",
		"nothing":       "",
		"token":         at + "identityfile ~/.ssh/%j-%x",
		"variable":      at + "identityfile ${HCRUN_NO_SUCH_VARIABLE}/id",
		"jump-bad":      at + "proxyjump a,b:0",
		"jump-option":   at + "proxyjump -oProxyCommand=x",
		"jump-endless":  at + "proxyjump next",
		"jump-twice":    at + "proxyjump a,a",
		"jump-command":  at + "proxyjump cmd",
		"jump-long":     at + "proxyjump " + "a,b,c,d,e,f,g,h,i",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			if err := os.WriteFile("hosts.hcl", []byte("host \"cp1\" {\n  user       = \"root\"\n  ssh_config = true\n}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			i, err := Load("hosts.hcl", env())
			if err != nil {
				t.Fatal(err)
			}
			f := &fake{says: map[string]string{"cp1": says, "next": at + "proxyjump next", "cmd": at + "proxycommand nc %h %p"}}
			err = i.Resolve(t.Context(), f.ssh)
			if _, ok := errors.AsType[*lang.Error](err); !ok {
				t.Fatalf("%v is no finding", err)
			}
			compare(t, filepath.Join(here, "testdata", "resolve", name+".golden"), err.Error()+"\n")
		})
	}
}

// here is the folder of the tests, from which they walk away.
var here, _ = filepath.Abs(".")

// TestResolveAsks: an ssh client that is missing, fails, or whose time is over.
func TestResolveAsks(t *testing.T) {
	text := "host \"cp1\" { ssh_config = true }\n"
	for want, err := range map[string]error{
		"this machine has none":        &exec.Error{Name: "ssh", Err: exec.ErrNotFound},
		"exit status 255: line 3: Bad": fmt.Errorf("exit status 255: line 3: Bad configuration option: foo"),
		"did not answer within":        fmt.Errorf("it did not answer within 10s"),
	} {
		got := load(t, text).Resolve(t.Context(), func(context.Context, ...string) ([]byte, error) { return nil, err })
		if _, ok := errors.AsType[*lang.Error](got); !ok || !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), "hosts.hcl:1:14") {
			t.Errorf("%v; want %q", got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := load(t, text).Resolve(ctx, LocalSSH); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	asked := 0
	if err := load(t, three).Resolve(t.Context(), func(context.Context, ...string) ([]byte, error) { asked++; return nil, nil }); err != nil || asked > 0 {
		t.Errorf("no host wants it: %v, asked %d times", err, asked)
	}
}

// realSSH is the ssh client of this machine with a configuration of the test's.
func realSSH(t *testing.T, config string) SSH {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without ssh")
		}
		t.Skip("this machine has no ssh")
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, args ...string) ([]byte, error) {
		return LocalSSH(ctx, append([]string{"-F", path}, args...)...)
	}
}

// TestRealSSH: what the real client prints is understood, with Match, Include and tokens as it has them.
func TestRealSSH(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"id-ops-10.0.0.5", "two words"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ssh := realSSH(t, `Host cp1
  HostName 10.0.0.5
  Port 2222
  IdentityFile `+dir+`/id-%r-%h
  IdentityFile "`+dir+`/two words"
  UserKnownHostsFile /k/user "/k/two words"
  GlobalKnownHostsFile none
  ProxyJump gate@bastion:2200
  ConnectTimeout 7
  HostKeyAlias cluster
  IdentitiesOnly yes
Match host 10.0.0.5 exec "true"
  User ops
Match host 10.0.0.5 exec "false"
  User wrong
Host cp2
  ProxyCommand nc %h %p
Host bastion
  HostName 203.0.113.1
  User wrong
`)
	i := load(t, `
defaults { ssh_config = true }
host "cp1" {}
host "cp4" {
  address      = "10.0.0.4"
  control_path = "/cm/%n-%p-%C"
}
`)
	if err := i.Resolve(t.Context(), ssh); err != nil {
		t.Fatal(err)
	}
	cp1, _ := i.Host("cp1")
	if cp1.Address != "10.0.0.5" || cp1.Port != 2222 || cp1.User != "ops" || cp1.KnownAs != "cluster" || !cp1.IdentitiesOnly || cp1.ConnectTimeout != 7*time.Second ||
		!reflect.DeepEqual(cp1.Identities, []string{dir + "/id-ops-10.0.0.5", dir + "/two words"}) ||
		!reflect.DeepEqual(cp1.KnownHosts, []string{"/k/user", "/k/two words"}) || route(cp1) != "bastion=gate@203.0.113.1:2200" {
		t.Errorf("%+v", cp1)
	}
	cp4, _ := i.Host("cp4")
	if hash, ok := strings.CutPrefix(cp4.ControlPath, "/cm/10.0.0.4-22-"); !ok || len(hash) != 40 {
		t.Errorf("%+v", cp4)
	}
	err := load(t, `host "cp2" { ssh_config = true }`).Resolve(t.Context(), ssh)
	if err == nil || !strings.Contains(err.Error(), "has ProxyCommand for it") {
		t.Error(err)
	}
	err = load(t, `host "cp1" { ssh_config = true }`).Resolve(t.Context(), realSSH(t, "Host *\n  Nonsense yes\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2: Bad configuration option: nonsense") {
		t.Error(err)
	}
}

// TestRealSSHBounded: a Match exec that hangs or floods does not hold hcrun.
func TestRealSSHBounded(t *testing.T) {
	ssh := realSSH(t, "Match exec \"sleep 60\"\n  User x\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := load(t, `host "cp1" { ssh_config = true }`).Resolve(ctx, ssh); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/ssh", []byte("#!/bin/sh\nexec cat /dev/zero\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := load(t, `host "cp1" { ssh_config = true }`).Resolve(t.Context(), LocalSSH); err == nil || !strings.Contains(err.Error(), "more than 1024 KiB") {
		t.Errorf("a flood: %v", err)
	}
}
