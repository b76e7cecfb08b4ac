package loki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Env is what logcli's environment says about an access to Loki. It is read when it is used and never
// stored: there are secrets in it.
type Env struct {
	Addr string // LOKI_ADDR

	user, password, token, header, tenant string
	ca, cert, key                         string
	insecure                              bool
}

// maxFile bounds files that the environment names.
const maxFile = 1 << 20

// ReadEnv reads logcli's environment. Errors say which variables are at odds or cannot be read, never
// what is in them.
func ReadEnv(get func(string) string) (Env, error) {
	e := Env{
		Addr: get("LOKI_ADDR"), user: get("LOKI_USERNAME"), password: get("LOKI_PASSWORD"),
		token: strings.TrimSpace(get("LOKI_BEARER_TOKEN")), header: get("LOKI_AUTH_HEADER"), tenant: get("LOKI_ORG_ID"),
		ca: get("LOKI_CA_CERT_PATH"), cert: get("LOKI_CLIENT_CERT_PATH"), key: get("LOKI_CLIENT_KEY_PATH"),
	}
	file := get("LOKI_BEARER_TOKEN_FILE")
	switch {
	case e.token != "" && file != "":
		return Env{}, fmt.Errorf("LOKI_BEARER_TOKEN and LOKI_BEARER_TOKEN_FILE are both set; unset one")
	case (e.user != "" || e.password != "") && (e.token != "" || file != ""):
		return Env{}, fmt.Errorf("LOKI_USERNAME with LOKI_PASSWORD and a bearer token are both set; unset one")
	case (e.cert == "") != (e.key == ""):
		return Env{}, fmt.Errorf("LOKI_CLIENT_CERT_PATH and LOKI_CLIENT_KEY_PATH belong together; only one is set")
	}
	if file != "" {
		text, err := readSmall(file)
		if err != nil {
			return Env{}, fmt.Errorf("LOKI_BEARER_TOKEN_FILE: %w", err)
		}
		if e.token = strings.TrimSpace(string(text)); e.token == "" {
			return Env{}, fmt.Errorf("LOKI_BEARER_TOKEN_FILE: %s is empty", file)
		}
	}
	for name, v := range map[string]string{"LOKI_BEARER_TOKEN": e.token, "LOKI_ORG_ID": e.tenant} {
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return Env{}, fmt.Errorf("%s has control characters in it", name)
		}
	}
	if skip := get("LOKI_TLS_SKIP_VERIFY"); skip != "" {
		var err error
		if e.insecure, err = strconv.ParseBool(skip); err != nil {
			return Env{}, fmt.Errorf("LOKI_TLS_SKIP_VERIFY is %q, neither true nor false", skip)
		}
	}
	return e, nil
}

// Insecure reports whether the environment asks not to verify the server.
func (e Env) Insecure() bool { return e.insecure }

// Tenant is the tenant that is asked for, "" for none.
func (e Env) Tenant() string { return e.tenant }

// sign puts the credentials on a request.
func (e Env) sign(r *http.Request) {
	header := e.header
	if header == "" {
		header = "Authorization"
	}
	if e.token != "" {
		r.Header.Set(header, "Bearer "+e.token)
	}
	if e.user != "" || e.password != "" {
		r.SetBasicAuth(e.user, e.password)
		if v := r.Header.Get("Authorization"); header != "Authorization" {
			r.Header.Del("Authorization")
			r.Header.Set(header, v)
		}
	}
	if e.tenant != "" {
		r.Header.Set("X-Scope-OrgID", e.tenant)
	}
}

// tls is how the server is verified, and who we are to it.
func (e Env) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.insecure}
	if e.ca != "" {
		text, err := readSmall(e.ca)
		if err != nil {
			return nil, fmt.Errorf("LOKI_CA_CERT_PATH: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("LOKI_CA_CERT_PATH: %s has no certificate in it", e.ca)
		}
	}
	if e.cert != "" {
		pair, err := tls.LoadX509KeyPair(e.cert, e.key)
		if err != nil {
			return nil, fmt.Errorf("LOKI_CLIENT_CERT_PATH and LOKI_CLIENT_KEY_PATH: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxFile)
	}
	return os.ReadFile(name)
}

// Address checks the address of a Loki and cuts what does not belong to it.
func Address(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no address") // the cause may quote a password
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("it does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, fmt.Errorf("it names no host")
	case u.User != nil:
		return nil, fmt.Errorf("a user or password in it would be written to plans and journals; use LOKI_USERNAME and LOKI_PASSWORD")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("it has a query or fragment; give the address of Loki alone")
	case strings.Contains(u.Path, "/loki/api/"):
		return nil, fmt.Errorf("the part from /loki/api on is added to it; give the address of Loki alone")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
