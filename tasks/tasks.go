package tasks

import (
	"embed"

	"github.com/hcrun/hcrun/engine"
)

//go:embed scp.go mkdir.go backup.go touch.go yamlpatch.go command.go systemdunit.go assert.go waitforpod.go taillog.go lokiquery.go httpcheck.go
//go:embed waitforpod.go taillog.go lokiquery.go httpcheck.go assert.go
var sources embed.FS

// All lists the kinds of tasks that are built in, in the order in which they are documented.
func All() []engine.Kind {
	return []engine.Kind{
		kind("scp", "scp.go", func() engine.Task { return new(Scp) }),
		kind("mkdir", "mkdir.go", func() engine.Task { return new(Mkdir) }),
		kind("backup", "backup.go", func() engine.Task { return new(Backup) }),
		kind("touch", "touch.go", func() engine.Task { return new(Touch) }),
		kind("yaml-patch", "yamlpatch.go", func() engine.Task { return new(YamlPatch) }),
		kind("command", "command.go", func() engine.Task { return new(Command) }),
		kind("systemd-unit", "systemdunit.go", func() engine.Task { return new(SystemdUnit) }),
		kind("wait-for-pod", "waitforpod.go", func() engine.Task { return new(WaitForPod) }),
		kind("tail-log", "taillog.go", func() engine.Task { return new(TailLog) }),
		kind("loki-query", "lokiquery.go", func() engine.Task { return new(LokiQuery) }),
		kind("http-check", "httpcheck.go", func() engine.Task { return new(HttpCheck) }),
		kind("assert", "assert.go", func() engine.Task { return new(Assert) }),
	}
}

func kind(name, file string, make func() engine.Task) engine.Kind {
	source, err := sources.ReadFile(file)
	if err != nil {
		panic("tasks: " + err.Error()) // the file is compiled in
	}
	return engine.Kind{Name: name, New: make, Source: string(source)}
}
