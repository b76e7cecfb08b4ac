package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// route is how a host is reached, in one line.
func route(h Host) string {
	if h.ControlPath != "" {
		return h.ControlPath
	}
	var hops []string
	for _, hop := range h.Jump {
		hops = append(hops, fmt.Sprintf("%s=%s@%s:%d", hop.Name, hop.User, hop.Address, hop.Port))
	}
	return strings.Join(hops, " ")
}

func TestJump(t *testing.T) {
	i := load(t, `
defaults {
  user         = "ops"
  port         = 2222
  become       = true
  control_path = "/cm/%n-%h-%p-%r-%%"
}
host "socket" { address = "10.0.0.1" }
host "direct" {
  address = "10.0.0.2"
  jump    = []
}
host "named" {
  address = "10.0.0.3"
  jump    = ["inner"]
}
host "written" {
  address = "10.0.0.4"
  jump    = ["root@bastion.${env("DOMAIN")}:22", "10.1.1.1", "fd00::1", "root@[fd00::2]:2200"]
}
host "mixed" {
  address = "10.0.0.5"
  jump    = ["inner", "last"]
}
host "last" {
  address = "10.0.0.6"
  jump    = ["direct"]
}
host "inner" {
  address = "10.0.0.7"
  port    = 22
  jump    = ["outer"]
}
host "outer" {
  address      = "bastion.example.org"
  user         = "jump"
  control_path = ""
}
host "behind" {
  address = "10.0.0.8"
  jump    = ["socket"]
}
`)
	for name, want := range map[string]string{
		"socket":  "/cm/socket-10.0.0.1-2222-ops-%",
		"direct":  "",
		"outer":   "",
		"named":   "outer=jump@bastion.example.org:2222 inner=ops@10.0.0.7:22",
		"written": "root@bastion.example.org:22=root@bastion.example.org:22 10.1.1.1=ops@10.1.1.1:2222 fd00::1=ops@fd00::1:2222 root@[fd00::2]:2200=root@fd00::2:2200",
		"mixed":   "outer=jump@bastion.example.org:2222 inner=ops@10.0.0.7:22 last=ops@10.0.0.6:2222",
		"behind":  "socket=ops@10.0.0.1:2222",
	} {
		h, _ := i.Host(name)
		if got := route(h); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
		for _, hop := range h.Jump {
			if hop.Jump != nil {
				t.Errorf("%s: %s has a way of its own", name, hop.Name)
			}
		}
	}
	behind, _ := i.Host("behind")
	if behind.Jump[0].ControlPath == "" || behind.From["jump"] != FromHost || behind.From["control_path"] != "" {
		t.Errorf("%+v", behind)
	}
	written, _ := i.Host("written")
	if hop := written.Jump[0]; hop.Become || hop.From["user"] != FromJump || hop.From["port"] != FromJump || hop.From["address"] != FromJump {
		t.Errorf("%+v", hop)
	}
	if hop := written.Jump[1]; hop.From["user"] != FromDefaults || hop.ControlPath != "" {
		t.Errorf("%+v", hop)
	}
}
