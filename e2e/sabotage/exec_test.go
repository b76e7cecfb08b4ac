package sabotage

// ofExec are what holds for changes that are commands.
var ofExec = []sabotage{
	{
		name: "command that must not run twice", promise: "P2", removed: "Where nothing tells whether a command has run, a person decides.",
		file: "engine/write.go", pkg: "engine", test: "TestUndecided",
		old: "case p.r.undecided():", new: "case false:",
	},
	{
		name: "command that came half way", promise: "P3", removed: "A command that failed is undone as one that may have come half way.",
		file: "engine/fold.go", pkg: "engine", test: "TestCommands",
		old: " && !op.Partly {", new: " {",
	},
	{
		name: "what a command brought about", promise: "P10", removed: "A command counts only when its probe says what it should.",
		file: "engine/settle.go", pkg: "engine", test: "TestCommands",
		old: "\tcase c.After.Matches(got):\n\t\treturn Wrote, nil\n\tcase c.Cmd != nil:", new: "\tcase c.After.Matches(got), c.Cmd != nil:\n\t\treturn Wrote, nil\n\tcase false:",
	},
	{
		name: "state that the plan saw", promise: "P5", removed: "A state that is not what the plan saw refuses the run.",
		file: "engine/cursor.go", pkg: "engine", test: "TestCommandStale",
		old: "case c.Cmd != nil && !r.FirstWrite.IsZero():", new: "case c.Cmd != nil:",
	},
	{
		name: "undo that is run twice", promise: "P13", removed: "What the node has undone by itself is not undone a second time.",
		file: "engine/write.go", pkg: "engine", test: "TestCommandSwitch",
		old: "case c.Cmd.back && p.r.Fired() && strings.HasPrefix(c.At, untold):", new: "case false && strings.HasPrefix(c.At, untold):",
	},
	{
		name: "command of who has lost the node", promise: "P11", removed: "Only who holds the node runs a command there.",
		file: worker, pkg: "engine/sshnode", test: "TestExec",
		old: `if lock "$k" && ours "$k" "$tok"; then ( carry`, new: `if lock "$k"; then ( carry`,
	},
	{
		name: "command beside a write", promise: "P11", removed: "No command runs while another process writes.",
		file: worker, pkg: "engine/sshnode", test: "TestExecWaits",
		old: `if lock "$k" && ours "$k" "$tok"; then ( carry`, new: `if ours "$k" "$tok"; then ( carry`,
	},
	{
		name: "status of a command", promise: "P9", removed: "A command that ends with another status than 0 has failed.",
		file: "engine/sshnode/exec.go", pkg: "engine/sshnode", test: "TestExec",
		old: "case out.code != 0:", new: "case false:",
	},
	{
		name: "undo where nothing is to be undone", promise: "P13", removed: "A switch does not undo what the probe says is as it was.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertCommands",
		old: `[ "$x" != "$2" ] || return 0`, new: ":",
	},
	{
		name: "undo at a boot", promise: "P13", removed: "At a boot a command is undone whatever its probe says: what is to be started may be waiting for its turn.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertCommandsAtBoot",
		old: ` && [ $most != 20 ]; then`, new: "; then",
	},
	{
		name: "undo that hangs", promise: "P18", removed: "What undoes a command is killed when it takes too long.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertCommands",
		old: `[ $i -lt "$1" ] && [ $i -lt $most ] || break; done; kill -KILL -$p )`, new: `:; done )`,
	},
	{
		name: "end of a run", promise: "P3", removed: "A run that ends clears up and undoes nothing.",
		file: worker, pkg: "engine/sshnode", test: "TestEndRunsNothing",
		old: "undo() { :; }; ", new: "",
	},
}
