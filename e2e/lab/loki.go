package lab

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lokiConfig keeps everything below one folder, tells tenants apart, and talks to nobody.
const lokiConfig = `auth_enabled: true
analytics: {reporting_enabled: false}
server: {http_listen_address: @IP@, http_listen_port: 3100, grpc_listen_address: 127.0.0.1, grpc_listen_port: 9096, log_level: warn}
common:
  instance_addr: 127.0.0.1
  path_prefix: @DIR@
  storage: {filesystem: {chunks_directory: @DIR@/chunks, rules_directory: @DIR@/rules}}
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
schema_config:
  configs:
  - {from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
limits_config: {reject_old_samples: false, volume_enabled: false}
ingester: {lifecycler: {min_ready_duration: 0s}}
`

// Loki starts one in the hub and waits until it is ready. It ends with the lab.
func (l *Lab) Loki() (address string, err error) {
	dir := filepath.Join(l.Dir, "loki")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	config := filepath.Join(dir, "loki.yaml")
	if err := os.WriteFile(config, []byte(strings.NewReplacer("@IP@", hubIP, "@DIR@", dir).Replace(lokiConfig)), 0o600); err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	// The leash of a node, for a program that knows of none: when this process ends, so does the shell's input.
	c := l.Command("/bin/sh", "-c", `"$0" -config.file="$1" & read -r end; kill -9 $!`, filepath.Join(l.Bin, "loki"), config)
	c.Stdout, c.Stderr, c.SysProcAttr = log, log, &syscall.SysProcAttr{Setsid: true}
	holding, err := c.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	l.loki = func() { holding.Close(); c.Wait() }
	address = "http://" + hubIP + ":3100"
	client := l.Client()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var resp *http.Response
		if resp, err = client.Get(address + "/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return address, nil
			}
			err = fmt.Errorf("it answers %s", resp.Status)
		}
	}
	text, _ := os.ReadFile(log.Name())
	return "", fmt.Errorf("loki is not ready: %w\n%s", err, text)
}

// Client asks over HTTP from the hub.
func (l *Lab) Client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: l.Dial}}
}
