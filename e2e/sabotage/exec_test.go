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
		old: "strings.HasPrefix(c.At, untold) && p.r.undidItself(c)):", new: "strings.HasPrefix(c.At, untold) && false):",
	},
	{
		name: "command of who has lost the node", promise: "P11", removed: "Only who holds the node runs a command there.",
		file: worker, pkg: "engine/sshnode", test: "TestExec",
		old: `if keep "$k" && ours . "$tok" && try rm -f said`, new: `if keep "$k" && try rm -f said`,
	},
	{
		name: "command beside a write", promise: "P11", removed: "No command runs while another process writes.",
		file: worker, pkg: "engine/sshnode", test: "TestExecWaits",
		old: `if keep "$k" && ours . "$tok" && try rm -f said`, new: `if cd "$k" && ours . "$tok" && try rm -f said`,
	},
	{
		name: "output of a command", promise: "P18", removed: "A node keeps the end of what a command prints, and no more.",
		file: worker, pkg: "engine/sshnode", test: "TestExec",
		old: "exec tail -c 900 <said", new: "exec cat <said",
	},
	{
		name: "status of a command", promise: "P9", removed: "A command that ends with another status than 0 has failed.",
		file: worker, pkg: "engine/sshnode", test: "TestExec",
		old: "[ $r = 0 ] || { st=80;", new: "[ $r != late ] || { st=80;",
	},
	{
		name: "undo where nothing is to be undone", promise: "P13", removed: "A switch does not undo what the probe says is as it was.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertCommands",
		old: `[ "$x" != "$2" ] || return 0`, new: ":",
	},
	{
		name: "command that ran unseen", promise: "P10", removed: "A command that ran and cannot be asked then is no command that was refused.",
		file: "engine/settle.go", pkg: "engine", test: "TestUnseenCommand",
		old: `return "", &unseenError{err}`, new: `return "", err`,
	},
	{
		name: "command that is to run again", promise: "P3", removed: "A command that is to run again, and may have run, is undone by a rollback.",
		file: "engine/fold.go", pkg: "engine", test: "TestRetriedAndRolledBack",
		old: "r.again = op.How == Retried; op.How == Marked {\n\t\t\tr.InDoubt, r.Changed = false, true\n", new: "r.InDoubt = false; op.How == Marked {\n\t\t\tr.Changed = true\n",
	},
	{
		name: "undo of what others have undone", promise: "P11", removed: "What somebody else has rolled back is not undone again over what came after it.",
		file: "engine/write.go", pkg: "engine", test: "TestUndoneElsewhereCommands",
		old: "(p.r.undoneElsewhere() || strings", new: "(strings",
	},
	{
		name: "undo that failed on the node", promise: "P13", removed: "What a node could not undo by itself is undone by who takes the run up.",
		file: "engine/command.go", pkg: "engine", test: "TestCommandSwitchLeft",
		old: "return l == notOver || ", new: "return false && ",
	},
	{
		name: "secret that a probe reads", promise: "P16", removed: "No probe reads what is secret.",
		file: "engine/plan.go", pkg: "engine", test: "TestSecretProbe",
		old: "probe && p.hidden[c.At] {", new: "probe && false {",
	},
	{
		name: "acknowledgement that frees a node", promise: "P11", removed: "An acknowledgement takes no node from a run that may be at work there.",
		file: "engine/ack.go", pkg: "engine", test: "TestAcknowledgeFreesNothing",
		old: "(held.Ack || r != nil && r.State == Abandoned && held.Run == o.Run", new: "(held.Ack || held.Run == o.Run",
	},
	{
		name: "acknowledgement of old news", promise: "P12", removed: "A run that was rolled back elsewhere counts so, whatever the clocks say.",
		file: "engine/claim.go", pkg: "engine", test: "TestOldNews",
		old: "all[i].State.before(o.State):", new: "o.Ended.After(all[i].Ended):",
	},
	{
		name: "claim that comes to nothing", promise: "P3", removed: "A claim that comes to nothing leaves what a landed run can be undone with.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_claim_that_comes_to_nothing_leaves_what_a_landed_run_can_be_undone_with",
		old: `[ -n "$had" ] || forget`, new: "forget",
	},
	{
		name: "note beside a switch", promise: "P13", removed: "Who only makes a note on a node leaves its switches alone.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_note_leaves_every_switch_alone",
		old: `[ "$4" = - ] || others`, new: "others",
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
