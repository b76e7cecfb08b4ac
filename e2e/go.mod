module github.com/hcrun/hcrun/e2e

go 1.26.0

require golang.org/x/sys v0.49.0

require sigs.k8s.io/yaml v1.6.0

require (
	github.com/google/go-cmp v0.6.0 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
)

replace github.com/hcrun/hcrun => ..
