# The commands of the trade; .ci/run is what has to pass.
.PHONY: build test race lint generate fuzz kills soak

build:
	go build -o hcrun ./cmd/hcrun

test:
	go test -timeout 30m ./...

race:
	go test -race ./...

lint:
	gofmt -l .
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

generate:
	go generate ./...

# Longer runs than CI has time for: every fuzz target a million times; five hundred kills; three real masters ten times.
fuzz:
	./.ci/fuzz

kills:
	HCRUN_KILLS=500 go test -count=1 -timeout 2h -run Kill ./cmd/hcrun/cli

soak:
	export HCRUN_E2E_BIN=$$(e2e/tools/build) && cd e2e && go test -count=1 -timeout 2h -v -parallel 3 -run 'TestReal/three_masters' ./scenarios -soak 10
