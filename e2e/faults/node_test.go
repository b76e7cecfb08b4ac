package faults

var ofConnection = []fault{
	{id: "T1", promise: "P15", what: "The node shows another host key than the known one.", exit: "40", tests: `
		engine/sshnode: TestDialErrors/changed key
		engine/sshnode: TestSshdHostKeys
		engine/sshnode: TestJumpErrors/changed inner
		cmd/hcrun/cli: TestScripts/trust`},
	{id: "T2", promise: "P15", what: "No host key of the node is known.", exit: "40", tests: `
		engine/sshnode: TestDialErrors/unknown host
		engine/sshnode: TestJumpErrors/unknown outer
		cmd/hcrun/cli: TestScripts/trust`},
	{id: "T3", promise: "P15", what: "The host key changes while a run is open.", exit: "40", gap: "cannot happen within a run, which never dials twice (TestConnectionLost); for the resume that follows it is T1"},
	{id: "T4", promise: "P15", what: "An address leads to another node by now.", exit: "40", tests: `
		engine: TestAnotherMachine
		engine: TestAnotherMachineThanPlanned
		engine: TestMoved/another
		cmd/hcrun/cli: TestAnotherMachine
		cmd/hcrun/cli: TestAnotherMachineUnderARun`, but: "a node without a machine-id is told by its host key and its address only"},
	{id: "T5", promise: "P15", what: "Two names of the inventory are one machine.", exit: "40", tests: `
		engine: TestTwins/one machine
		cmd/hcrun/cli: TestTwoNames`, but: "names without a group in common are a warning of doctor's"},
	{id: "T6", promise: "P9", what: "The connection is reset in the middle of a file.", exit: "23→0", tests: `
		engine/sshnode: TestReset`},
	{id: "T7", promise: "P9", what: "The connection ends in the middle of a file, and to the node it looks like the file's end.", exit: "23→0", tests: `
		engine/sshnode: TestCut
		engine/sshnode: TestSshdCut`},
	{id: "T8", promise: "P18", what: "Nothing arrives any more, in the middle of a file.", exit: "23, 43", tests: `
		engine/sshnode: TestFrozenInAFile
		engine/sshnode: TestKeepalive
		engine/sshnode: TestJumpFrozen
		e2e/scenarios: network cut`},
	{id: "T9", promise: "P9", what: "The file has arrived, and the node's answer never does.", exit: "23→0", tests: `
		cmd/hcrun/cli: TestBreaks/unreachable-late
		cmd/hcrun/cli: TestScripts/after_failure
		engine: TestResume/intent, after
		engine: TestRollbackOfDoubt/it happened`},
	{id: "T10", promise: "P9", what: "The node is told the same change twice.", exit: "0", tests: `
		engine/sshnode: TestPut/dash/already
		engine/sshnode: TestPut/dash/already absent`},
	{id: "T11", promise: "P11", what: "A change that was sent before a takeover comes after it.", exit: "11", tests: `
		engine: TestFenced
		engine/sshnode: TestConformance/dash/who has lost the node writes nothing more`},
	{id: "T12", promise: "P9", what: "The node's SSH server is restarted in the middle of a run.", exit: "0", tests: `
		engine/sshnode: TestSshdRestarted`},
	{id: "T14", promise: "P20", what: "The node does not accept the key, or the agent is locked.", exit: "41", tests: `
		engine/sshnode: TestDialErrors/refused key
		engine/sshnode: TestDialErrors/locked key
		engine/sshnode: TestDialErrors/no agent
		engine/sshnode: TestSshdRefused`, but: "a key that is refused to the resume of an open run"},
	{id: "T15", promise: "P18", what: "The server stops answering, at any point of the handshake.", exit: "41", tests: `
		engine/sshnode: TestDialErrors/silent port
		engine/sshnode: TestJumpErrors/forwarding never answered
		engine/sshnode: TestSshdShells/endless
		engine/sshnode: TestStalls`},
	{id: "T16", promise: "P18", what: "The line is slow and far.", exit: "0", tests: `
		engine/sshnode: TestSlowLine`},
	{id: "T17", promise: "P9", what: "One packet of ten is lost.", exit: "0", gap: "not injected: TCP hides it from all that is above; what is left of it is T16"},
	{id: "T19", promise: "P17", what: "The login shell is an unusual one, or none at all.", exit: "0, 42", tests: `
		engine/sshnode: TestSshdShells/fish
		engine/sshnode: TestSshdShells/nologin
		engine/sshnode: TestSshdShells/greeting
		e2e/scenarios: ordinary user`, but: "csh and restricted shells"},
	{id: "T20", promise: "P18", what: "The server runs a command of its own in the place of what was asked for.", exit: "42", tests: `
		engine/sshnode: TestSshdShells/reads stdin
		engine/sshnode: TestSshdShells/nologin
		engine/sshnode: TestSshdShells/endless`},
	{id: "T21", promise: "P20", what: "sudo wants a password.", exit: "42", tests: `
		engine/sshnode: TestSshdShells/sudo with a password`, but: "a right that is taken away in the middle of a run"},
	{id: "T23", promise: "P18", what: "A command prints without end, on one line.", exit: "21", tests: `
		engine/sshnode: TestObserve/dash
		tasks: TestLokiQuery/a body without end`},
	{id: "T24", promise: "P18", what: "An answer comes byte by byte and never ends.", exit: "23", tests: `
		engine/sshnode: TestDrip
		engine/sshnode: TestObserve/dash`},
	{id: "T26", promise: "P17", what: "A command prints what looks like the node's acknowledgement.", exit: "23", tests: `
		engine/sshnode: TestObserve/dash
		engine/sshnode: TestForgedStream`},
	{id: "T27", promise: "P13", what: "The connection goes while the switch is armed.", exit: "41", tests: `
		engine: TestArm/lost`},
}

var ofFiles = []fault{
	{id: "N1", promise: "P7", what: "The session on the node is killed in the middle of a write.", exit: "23→0", tests: `
		engine/sshnode: TestToolsThatFail/kill
		engine/sshnode: TestToolsThatFail/killed-after
		engine/sshnode: TestRecordOnToolsThatFail/kill`, but: "a kill between two system calls of one tool"},
	{id: "N2", promise: "P9", what: "A step of a write fails, or fails after it did its work.", exit: "22, 42", tests: `
		engine/sshnode: TestToolsThatFail/fail
		engine/sshnode: TestToolsThatFail/late
		engine/sshnode: TestRecordOnToolsThatFail/fail
		engine/sshnode: TestErrnos`},
	{id: "N3", promise: "P6", what: "The disk of the file is full.", exit: "42", tests: `
		engine/sshnode: TestSshdFull
		cmd/hcrun/cli: TestBreaks/disk-full`},
	{id: "N4", promise: "P13", what: "The disk of the node's own record is full.", exit: "42", tests: `
		engine/sshnode: TestFullRecord`},
	{id: "N5", promise: "P6", what: "The file system has no inode left.", exit: "42", tests: `
		engine/sshnode: TestNoInodes`},
	{id: "N6", promise: "P6", what: "The file system is read-only.", exit: "42", tests: `
		engine/sshnode: TestSshdFull
		engine: TestApplyEnds/rollback: put refused`},
	{id: "N7", promise: "P6", what: "The file or its folder is immutable or append-only.", exit: "42", tests: `
		engine/sshnode: TestArmImmutable
		engine/sshnode: TestArmWithoutAttributes/immutable
		engine/sshnode: TestImmutable`},
	{id: "N8", promise: "P8", what: "The power goes, after any step of a write.", tests: `
		engine/sshnode: TestPowerCut
		engine/sshnode: TestPowerCutFinds`},
	{id: "N9", promise: "P6", what: "The file, or a folder above it, is a symbolic link.", exit: "50", tests: `
		tasks: TestTasksRefuseWhatTheyCannotReplace/a link
		tasks: TestTasksRefuseWhatTheyCannotReplace/folder is a link
		engine/sshnode: TestRefusals/parent link
		engine/sshnode: TestConformance/dash/a symbolic link is neither followed nor replaced`},
	{id: "N10", promise: "P6", what: "A folder on the way is somebody else's, or others can write it.", exit: "50", tests: `
		engine/sshnode: TestRefusals/open parent
		engine/sshnode: TestFolderOfSomebodyElse`},
	{id: "N12", promise: "P6", what: "A folder, pipe, device or socket is where the file should be.", exit: "42, 50", tests: `
		tasks: TestTasksRefuseWhatTheyCannotReplace/a device
		tasks: TestTasksRefuseWhatTheyCannotReplace/a directory
		engine/sshnode: TestLook/dash`},
	{id: "N13", promise: "P6", what: "The file has a second name.", exit: "42", tests: `
		tasks: TestTasksRefuseWhatTheyCannotReplace/two names
		engine/sshnode: TestRefusals/hard link`},
	{id: "N14", promise: "P6", what: "The file is a mount point.", exit: "42", tests: `
		engine/sshnode: TestMountPoint`},
	{id: "N15", promise: "P5", what: "Somebody edits the file between plan and apply.", exit: "13", tests: `
		engine: TestApplyEnds/edited since the plan
		engine: TestApplyEnds/done by hand since the plan
		cmd/hcrun/cli: TestScripts/plan`},
	{id: "N16", promise: "P6", what: "Somebody edits it while its replacement is written.", exit: "20", tests: `
		engine/sshnode: TestSomebodyElse/edited before the check
		engine/sshnode: TestSomebodyElse/mode changed before the check
		engine: TestApplyEnds/put: conflict`},
	{id: "N17", promise: "P6", what: "Somebody edits it between the last look and the rename.", exit: "20", gap: "cannot be seen: a rename replaces whatever is there; what comes right after it is found (TestSomebodyElse/edited right after)"},
	{id: "N18", promise: "P3", what: "Somebody edits it after the run, before its rollback.", exit: "22", tests: `
		engine: TestRollbackOfLanded/one is edited
		engine: TestApplyEnds/edited before the rollback
		engine: TestResume/undone, edited since`},
	{id: "N19", promise: "P6", what: "Somebody deletes it.", exit: "20, 22", tests: `
		engine/sshnode: TestSomebodyElse/deleted before the check
		engine/sshnode: TestPut/dash/conflict gone
		engine: TestRollbackOfLanded/one is gone`},
	{id: "N20", promise: "P6", what: "Somebody creates the file that was to be created.", exit: "20", tests: `
		engine/sshnode: TestSomebodyElse/appeared before the check
		engine/sshnode: TestSomebodyElse/appeared in the last moment
		engine/sshnode: TestSomebodyElse/a link appeared`},
	{id: "N21", promise: "P19", what: "A dead run has left an unfinished file, or somebody laid a link by its name.", exit: "0", tests: `
		engine/sshnode: TestSweep
		engine/sshnode: TestKilledInAPayload
		engine/sshnode: TestLinkInPlaceOfTheTemp`, but: "the status of the refusal that the link ends in"},
	{id: "N23", promise: "P3", what: "The file is setuid, or carries capabilities.", exit: "42", tests: `
		tasks: TestTasksRefuseWhatTheyCannotReplace/set-uid
		engine/sshnode: TestPut/dash/setuid
		engine/sshnode: TestCapabilities`},
	{id: "N25", promise: "P18", what: "A file of several gigabytes is to be backed up.", exit: "42", gap: "not built: there is no cap; contents are streamed (TestSshdLarge), and room for the copies is asked for before the first write"},
	{id: "N26", promise: "P18", what: "A tool of the node is missing, or does something else.", exit: "42", tests: `
		engine/sshnode: TestMissingTools`},
	{id: "N28", promise: "P6", what: "Another program replaces the manifest at the same time.", exit: "20", tests: `
		engine/sshnode: TestSomebodyElse/replaced before the check
		engine/sshnode: TestSomebodyElse/moved away before the check
		engine: TestApplyEnds/edited before its write`, but: "kubeadm itself"},
	{id: "N29", promise: "P6", what: "The folder of the node's own record is not root's alone.", exit: "50", tests: `
		engine/sshnode: TestForeignRecord/dash
		engine/sshnode: TestRecordOfSomebodyElse`, but: "a decision that somebody planted in it: nobody but root can"},
	{id: "N30", promise: "P8", what: "The node reboots between the rename and the sync of its folder.", tests: `
		engine/sshnode: TestPowerCut
		engine/sshnode: TestPowerCutFinds`},
	{id: "N31", promise: "P7", what: "Somebody reads the file all the time while it is replaced.", tests: `
		engine/sshnode: TestSshdReaders`},
	{id: "N32", promise: "P2", what: "hcrun is cut off while a command runs on the node.", exit: "23→0, 25", tests: `
		engine/sshnode: TestExecLost
		engine: TestEveryCrash/commands
		engine: TestUndecided
		cmd/hcrun/cli: TestScripts/command`},
	{id: "N33", promise: "P3", what: "A command fails, or does not bring about what it should.", exit: "21", tests: `
		engine: TestCommands/one fails
		engine: TestCommands/the probe says something else then
		cmd/hcrun/cli: TestScripts/command`},
	{id: "N34", promise: "P18", what: "A command, or what undoes it, does not end.", exit: "21, 22", tests: `
		engine/sshnode: TestExec
		engine/sshnode: TestRevertCommands`},
	{id: "N35", promise: "P3", what: "What undoes a command fails.", exit: "22", tests: `
		engine: TestCommands/its undo fails
		engine: TestCommands/its undo does not do it
		engine/sshnode: TestRevertCommands`},
}
