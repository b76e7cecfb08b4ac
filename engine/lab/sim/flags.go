package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// The flags of kube-apiserver 1.34, by the type of their value.
const (
	boolFlags = ` allow-metric-labels-manifest-disabled allow-privileged anonymous-auth audit-log-batch-throttle-enable audit-log-compress
	audit-log-truncate-enabled audit-webhook-batch-throttle-enable audit-webhook-truncate-enabled contention-profiling coordinated-leadership
	delete-collection-workers-enabled enable-aggregator-routing enable-bootstrap-token-auth enable-garbage-collector enable-logs-handler
	enable-priority-and-fairness encryption-provider-config-automatic-reload emulation-forward-compatible http2-disabled
	log-json-split-stream permit-address-sharing permit-port-sharing profiling runtime-config-emulation-forward-compatible
	service-account-extend-token-expiration service-account-lookup show-hidden-metrics strict-transport-security-enabled
	token-auth-enabled watch-cache debug-socket-enabled peer-proxy-enabled `
	intFlags = ` apiserver-count audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-throttle-burst audit-log-maxage
	audit-log-maxbackup audit-log-maxsize audit-log-truncate-max-batch-size audit-log-truncate-max-event-size audit-webhook-batch-buffer-size
	audit-webhook-batch-max-size audit-webhook-batch-throttle-burst audit-webhook-truncate-max-batch-size audit-webhook-truncate-max-event-size
	default-not-ready-toleration-seconds default-unreachable-toleration-seconds default-watch-cache-size delete-collection-workers
	etcd-servers-max-connections http2-max-streams-per-connection kubelet-port lease-reuse-duration-seconds max-connection-bytes-per-sec
	max-mutating-requests-inflight max-requests-inflight min-request-timeout secure-port kubernetes-service-node-port v `
	otherFlags = ` admission-control-config-file advertise-address aggregator-reject-forwarding-redirect allow-metric-labels
	api-audiences audit-log-batch-max-wait audit-log-batch-throttle-qps audit-log-format audit-log-mode audit-log-path audit-log-version
	audit-policy-file audit-webhook-batch-max-wait audit-webhook-batch-throttle-qps audit-webhook-config-file audit-webhook-initial-backoff
	audit-webhook-mode audit-webhook-version authentication-config authentication-token-webhook-cache-ttl
	authentication-token-webhook-config-file authentication-token-webhook-version authorization-config authorization-mode
	authorization-policy-file authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl
	authorization-webhook-config-file authorization-webhook-version bind-address cert-dir client-ca-file cors-allowed-origins
	disable-admission-plugins disable-http2-serving disabled-metrics egress-selector-config-file emulated-version
	enable-admission-plugins encryption-provider-config endpoint-reconciler-type etcd-cafile etcd-certfile etcd-compaction-interval
	etcd-count-metric-poll-period etcd-db-metric-poll-interval etcd-healthcheck-timeout etcd-keyfile etcd-prefix etcd-readycheck-timeout
	etcd-servers etcd-servers-overrides event-ttl external-hostname feature-gates goaway-chance kubelet-certificate-authority
	kubelet-client-certificate kubelet-client-key kubelet-preferred-address-types kubelet-timeout livez-grace-period log-flush-frequency
	log-json-info-buffer-size log-text-info-buffer-size log-text-split-stream logging-format oidc-ca-file oidc-client-id
	oidc-groups-claim oidc-groups-prefix oidc-issuer-url oidc-required-claim oidc-signing-algs oidc-username-claim oidc-username-prefix
	peer-advertise-ip peer-advertise-port peer-ca-file proxy-client-cert-file proxy-client-key-file request-timeout
	requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers
	requestheader-uid-headers requestheader-username-headers runtime-config service-account-issuer service-account-jwks-uri
	service-account-key-file service-account-max-token-expiration service-account-signing-endpoint service-account-signing-key-file
	service-cluster-ip-range service-node-port-range show-hidden-metrics-for-version shutdown-delay-duration shutdown-send-retry-after
	shutdown-watch-termination-grace-period storage-backend storage-initialization-timeout storage-media-type strict-transport-security-directives
	tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file tls-sni-cert-key token-auth-file tracing-config-file vmodule
	watch-cache-sizes `
)

func listed(flags, name string) bool {
	for f := range strings.FieldsSeq(flags) {
		if f == name {
			return true
		}
	}
	return false
}

// flags are the values an API server was started with; of one given twice the last counts.
type flags map[string]string

// parseFlags reads an API server's arguments; its errors are those that it prints before it exits 1.
func parseFlags(argv []string) (flags, error) {
	f := flags{}
	for i := 1; i < len(argv); i++ {
		arg, ok := strings.CutPrefix(argv[i], "--")
		if !ok {
			if strings.HasPrefix(argv[i], "-") {
				return nil, fmt.Errorf("unknown shorthand flag: %q in %s", argv[i][1:], argv[i])
			}
			return nil, fmt.Errorf("unknown command %q for %q", argv[i], argv[0])
		}
		name, value, has := strings.Cut(arg, "=")
		isBool, isInt := listed(boolFlags, name), listed(intFlags, name)
		switch {
		case !isBool && !isInt && !listed(otherFlags, name):
			return nil, fmt.Errorf("unknown flag: --%s", name)
		case !has && isBool:
			value = "true"
		case !has && i+1 == len(argv):
			return nil, fmt.Errorf("flag needs an argument: --%s", name)
		case !has:
			i++
			value = argv[i]
		}
		if err := checkValue(name, value, isBool, isInt); err != nil {
			return nil, err
		}
		f[name] = value
	}
	return f, nil
}

func checkValue(name, value string, isBool, isInt bool) error {
	var err error
	switch {
	case isBool:
		_, err = strconv.ParseBool(value)
	case isInt:
		_, err = strconv.ParseInt(value, 0, 64)
	}
	if err != nil {
		return fmt.Errorf("invalid argument %q for %q flag: %w", value, "--"+name, err)
	}
	return nil
}

// validate is what the API server checks once it has all flags.
func (f flags) validate() error {
	for _, name := range []string{"audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize"} {
		if n, err := strconv.ParseInt(f[name], 0, 64); err == nil && n < 0 {
			return fmt.Errorf("--%s %d can't be a negative number", name, n)
		}
	}
	if v, ok := f["audit-log-format"]; ok && v != "json" && v != "legacy" {
		return fmt.Errorf("invalid audit log format %s, allowed formats are %q", v, "legacy,json")
	}
	if v, ok := f["audit-log-mode"]; ok && v != "batch" && v != "blocking" && v != "blocking-strict" {
		return fmt.Errorf("invalid audit log mode %s, allowed modes are %q", v, "batch,blocking,blocking-strict")
	}
	if f["etcd-servers"] == "" {
		return fmt.Errorf("--etcd-servers must be specified")
	}
	if f["service-account-issuer"] == "" {
		return fmt.Errorf("service-account-issuer is a required flag")
	}
	return nil
}

func (f flags) number(name string) int64 {
	n, _ := strconv.ParseInt(f[name], 0, 64) // parseFlags has checked it
	return n
}

// files are the flags that name a file which the API server opens at the start, in that order.
func (f flags) files() []string {
	var out []string
	for _, name := range []string{"client-ca-file", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "service-account-key-file",
		"service-account-signing-key-file", "requestheader-client-ca-file", "proxy-client-cert-file", "proxy-client-key-file",
		"kubelet-client-certificate", "kubelet-client-key", "tls-cert-file", "tls-private-key-file", "admission-control-config-file",
		"authentication-config", "authorization-config", "encryption-provider-config", "egress-selector-config-file",
		"tracing-config-file", "audit-webhook-config-file", "oidc-ca-file", "token-auth-file", "authorization-policy-file"} {
		if f[name] != "" {
			out = append(out, name)
		}
	}
	return out
}
