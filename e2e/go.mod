module github.com/hcrun/hcrun/e2e

go 1.26.0

require golang.org/x/sys v0.49.0

require github.com/hcrun/hcrun v0.0.0

require (
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	sigs.k8s.io/yaml v1.6.0 // indirect
)

replace github.com/hcrun/hcrun => ..
