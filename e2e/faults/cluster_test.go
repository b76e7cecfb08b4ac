package faults

var ofKubernetes = []fault{
	{id: "K1", promise: "P10", what: "The kubelet does not run.", exit: "42", tests: `
		tasks: TestWaitForPodMark/the kubelet is down`},
	{id: "K2", promise: "P10", what: "The kubelet dies after the change.", exit: "22", gap: "not injected: no bed stops a kubelet in the middle of a run; its parts are K9 and K11"},
	{id: "K3", promise: "P10", what: "The container runtime gives no answer.", exit: "42, 22", tests: `
		tasks: TestWaitForPodMark/a dead socket
		tasks: TestWaitForPodMark/no crictl
		engine: TestApplyEnds/rollback: no mark for pod`},
	{id: "K5", promise: "P10", what: "The new API server ends again and again.", exit: "21", tests: `
		tasks: TestWaitForPod/crash loop ends early with the log
		tasks: TestWaitForPod/crash between two looks
		e2e/scenarios: bad flag value
		e2e/scenarios: both mounts missing
		e2e/scenarios: log mount is read-only`},
	{id: "K6", promise: "P10", what: "The API server does not take the audit policy.", exit: "21", tests: `
		cmd/hcrun/cli: TestBreaks/policy
		cmd/hcrun/cli: TestScripts/after_failure
		e2e/scenarios: policy is not YAML
		e2e/scenarios: unknown audit level`},
	{id: "K7", promise: "P10", what: "The new API server runs and never becomes ready.", exit: "21", tests: `
		tasks: TestWaitForPod/never ready
		cmd/hcrun/cli: TestBreaks/never-ready`},
	{id: "K8", promise: "P10", what: "It is ready and not ready in turn.", exit: "21", tests: `
		tasks: TestWaitForPod/flap
		tasks: TestWaitForPod/one bad answer starts the stable time again
		cmd/hcrun/cli: TestBreaks/flap`},
	{id: "K9", promise: "P10", what: "The old API server is still healthy, because the kubelet is slow.", exit: "0, 21", tests: `
		tasks: TestWaitForPod/old pod still healthy
		tasks: TestWaitForPod/kubelet is slow
		tasks: TestWaitForPod/old pod restarted is not new
		cmd/hcrun/cli: TestBreaks/no-container`},
	{id: "K10", promise: "P10", what: "A change of the manifest restarts nothing.", exit: "0", tests: `
		tasks: TestWaitForPodMark/only a comment
		engine: TestApplyEnds/mark: not needed`},
	{id: "K11", promise: "P3", what: "The kubelet ignores the manifest that a rollback brings back.", exit: "22", tests: `
		tasks: TestWaitForPod/down: the kubelet is stuck
		engine: TestApplyEnds/rollback: pod does not come`},
	{id: "K13", promise: "P10", what: "A copy of the manifest lies beside it.", exit: "42, 21", tests: `
		tasks: TestYamlPatchRefuses/backup
		tasks: TestWaitForPodMark/a backup beside the manifest
		cmd/hcrun/cli: TestBreaks/stray
		cmd/hcrun/cli: TestBreaks/stray-late
		e2e/scenarios: stray manifest before
		e2e/scenarios: stray manifest later`},
	{id: "K14", promise: "P3", what: "A file that the pod mounts is not there.", exit: "21", tests: `
		cmd/hcrun/cli: TestScripts/mount_missing`},
	{id: "K15", promise: "P10", what: "The policy changes and the manifest does not, so nothing restarts.", exit: "2", gap: "not built as an error: the flagship writes the policy's checksum into the manifest, so that every new policy restarts the pod"},
	{id: "K17", promise: "P11", what: "Another control plane node is not well.", exit: "10", tests: `
		engine: TestApplyEnds/peer not well
		engine: TestApplyEnds/peer not well after
		cmd/hcrun/cli: TestBreaks/peer-down`},
	{id: "K18", promise: "P11", what: "etcd loses its quorum in the middle of a run.", exit: "21, 22", gap: "not injected: no bed takes a member of etcd away in a run; for hcrun it is an API server that is not ready (K7) beside others that are not (K17)"},
	{id: "K19", promise: "P9", what: "The API server refuses whoever asks whether it is ready.", exit: "60", tests: `
		tasks: TestHttpCheck/wants a password
		tasks: TestHttpCheck/forbidden
		tasks: TestWaitForPodMark/wants a password
		engine: TestApplyEnds/mark: unavailable`},
	{id: "K20", promise: "P11", what: "Another node of the group cannot be reached.", exit: "10", tests: `
		engine: TestApplyEnds/peer cannot be reached
		cmd/hcrun/cli: TestAbandon
		e2e/scenarios: three masters`},
	{id: "K21", promise: "P12", what: "The node is cordoned or not ready.", exit: "10", gap: "not built: hcrun asks nodes and their API servers and has no view of the cluster's objects"},
}

var ofLogs = []fault{
	{id: "L1", promise: "P20", what: "Loki does not answer.", exit: "60, 21", tests: `
		tasks: TestLokiQueryMark/down
		cmd/hcrun/cli: TestBreaks/loki-down
		e2e/scenarios: Loki down before
		e2e/scenarios: Loki down later`},
	{id: "L2", promise: "P18", what: "Loki takes minutes to answer.", exit: "21", tests: `
		tasks: TestLokiQuery/slow
		engine: TestApplyEnds/check unavailable`, but: "a body that comes byte by byte"},
	{id: "L3", promise: "P9", what: "Loki answers with errors for a while.", exit: "0", tests: `
		tasks: TestLokiQuery/a burst of errors
		tasks: TestLokiQueryMark/two errors, then well`},
	{id: "L5", promise: "P20", what: "Loki wants a tenant, and none is given.", exit: "60", tests: `
		tasks: TestLokiQueryMark/no tenant`},
	{id: "L6", promise: "P10", what: "The tenant is a wrong one, and its Loki is empty.", exit: "21", tests: `
		tasks: TestLokiQuery/wrong tenant`},
	{id: "L7", promise: "P10", what: "Only events of another node are in Loki.", exit: "21, 2", tests: `
		tasks: TestLokiQuery/only another node's lines
		tasks: TestLokiQuery/another node's lines by field
		tasks: TestLokiQuery/a Loki that ignores the matcher
		tasks: TestLokiQueryPrepare
		cmd/hcrun/cli: TestBreaks/loki-other-node`},
	{id: "L8", promise: "P10", what: "Only events from before the change are in Loki.", exit: "21", tests: `
		tasks: TestLokiQuery/old lines with new stamps
		tasks: TestLokiQuery/many old lines before the new ones`},
	{id: "L9", promise: "P10", what: "Events arrive in Loki late.", exit: "0, 21", tests: `
		tasks: TestLokiQuery/two new lines, after some time
		cmd/hcrun/cli: TestBreaks/loki-late`},
	{id: "L10", promise: "P10", what: "The clocks of a node and of Loki differ.", exit: "0", tests: `
		tasks: TestLokiQuery/a clock that is behind the node's
		tasks: TestLokiQuery/a clock that is ahead of the node's`},
	{id: "L11", promise: "P18", what: "The answer of Loki is malformed, huge or deep.", exit: "21", tests: `
		tasks: TestLokiQuery/malformed
		tasks: TestLokiQuery/deep
		tasks: TestLokiQuery/a body without end
		tasks: TestLokiQueryMark/a web page`},
	{id: "L13", promise: "P15", what: "The certificate of Loki is not one to be trusted.", exit: "60", tests: `
		tasks: TestLokiTLS/unknown authority
		tasks: TestLokiTLS/wrong authority
		tasks: TestHttpCheck/another name`, but: "one that has expired"},
	{id: "L14", promise: "P10", what: "The log is rotated while it is watched.", exit: "0", tests: `
		tasks: TestTailLog/rotated
		tasks: TestTailLog/truncated`},
	{id: "L15", promise: "P10", what: "The log has lines from before the change.", exit: "21", tests: `
		tasks: TestTailLog/only old lines
		tasks: TestTailLog/written before and while looking`},
	{id: "L17", promise: "P10", what: "No event ever arrives.", exit: "21", tests: `
		tasks: TestLokiQuery/the stream is there, nothing new
		tasks: TestTailLog/never a file
		cmd/hcrun/cli: TestBreaks/log-mount
		e2e/scenarios: log mount missing
		e2e/scenarios: shipper stopped
		e2e/scenarios: shipper's path wrong`},
	{id: "L18", promise: "P20", what: "Others can read the log.", exit: "0", tests: `
		tasks: TestTailLog/open to others`, but: "a refusal: it is a warning, since the audit has begun"},
	{id: "L19", promise: "P3", what: "A rollback would take away a log that has been filled.", exit: "0, 21", tests: `
		engine/sshnode: TestFilledStays
		engine/sshnode: TestConformance/dash/a log is created empty, adjusted with what is in it, and kept once it has grown
		engine: TestRollbackOfLanded/log rotated
		cmd/hcrun/cli: TestScripts/rollback`},
}

var ofSwitch = []fault{
	{id: "D1", promise: "P13", what: "hcrun dies right after the switch is armed.", exit: "–→0", tests: `
		engine: TestSwitchFires
		engine/sshnode: TestConformance/dash/a switch puts back from every state that the run may leave`},
	{id: "D2", promise: "P13", what: "hcrun dies after any later step.", exit: "24", tests: `
		engine: TestSwitchFires
		engine/sshnode: TestConformance/dash/a switch puts back from every state that the run may leave`},
	{id: "D3", promise: "P13", what: "The network is gone for longer than the node waits.", exit: "24", tests: `
		engine: TestSwitchFires
		engine/sshnode: TestConformance/dash/a switch puts everything back
		e2e/systemd: TestSwitch/network cut`},
	{id: "D4", promise: "P13", what: "The node reboots while its switch is armed.", exit: "24", tests: `
		e2e/systemd: TestSwitch/reboot
		engine/sshnode: TestRevertAtBoot`},
	{id: "D5", promise: "P13", what: "systemd is reloaded, or replaced, while a switch waits.", exit: "24", tests: `
		e2e/systemd: TestSwitch/storm`},
	{id: "D6", promise: "P13", what: "The node's clock jumps by a day.", gap: "not injected: the switch goes by the uptime, which no clock of the wall moves"},
	{id: "D7", promise: "P13", what: "The confirmation comes in the very moment at which the switch fires.", exit: "0, 24", tests: `
		engine/sshnode: TestConfirmOrFire`},
	{id: "D8", promise: "P13", what: "The switch is killed while it puts things back.", exit: "24", tests: `
		engine/sshnode: TestRevertKilled`, but: "a kill between two system calls of one tool"},
	{id: "D9", promise: "P13", what: "The switch cannot be started.", exit: "42", tests: `
		engine: TestArm/cannot
		engine: TestArm/garbage
		engine/sshnode: TestArmOnToolsThatFail
		e2e/systemd: TestSwitch/cannot be armed`},
	{id: "D11", promise: "P13", what: "The process that waits is killed.", exit: "24", tests: `
		e2e/systemd: TestSwitch/storm`},
	{id: "D12", promise: "P13", what: "All processes of the user are killed when he logs out.", tests: `
		e2e/systemd: TestSwitch/storm`, but: "KillUserProcesses itself: the session is ended, and the sessions of root with it"},
	{id: "D13", promise: "P13", what: "A run is resumed while its switch fires.", exit: "24", gap: "a write waits for the lock that the switch has (TestLockedRecord), and finds its claim gone"},
	{id: "D14", promise: "P13", what: "The node is confirmed, and its answer is lost.", exit: "23→0", tests: `
		engine: TestEveryCrash/single/apply
		engine: TestReleaseLost`, but: "an answer that is lost while hcrun lives"},
	{id: "D16", promise: "P13", what: "A copy that the switch needs is damaged.", exit: "22", gap: "what was put back is compared with its hash before it gets its name, as everything that is written"},
	{id: "D17", promise: "P13", what: "The node has no systemd.", exit: "42", tests: `
		cmd/hcrun/cli: TestScripts/no_systemd`},
	{id: "D18", promise: "P13", what: "The switch fires in the day that the next node waits.", gap: "cannot happen: a run is confirmed before it lands, and nothing waits before that (TestSwitchOfARollback)"},
}

var ofInputs = []fault{
	{id: "IN1", promise: "P18", what: "A playbook is nested a hundred thousand deep.", exit: "2", tests: `
		playbooks/lang: TestLimits/200 KB of parentheses
		playbooks/lang: TestLimits/braces
		playbooks/lang: TestLimits/templates
		playbooks: TestBroken/deep
		playbooks: TestHostileTemplates/deep`},
	{id: "IN2", promise: "P18", what: "A playbook has 50 MB, or a million blocks.", exit: "2", tests: `
		playbooks/lang: TestLimits/50 MB
		playbooks/lang: TestLimits/a million blocks
		playbooks/lang: TestReadFile`},
	{id: "IN4", promise: "P16", what: "A playbook reads files and variables that are none of its business.", exit: "2, 50", tests: `
		playbooks: TestBroken/file-outside
		playbooks: TestJail
		playbooks/lang: TestFunctionsRefuse
		playbooks: TestHostileTemplates/functions`, but: "the environment, from which a playbook may read what it names"},
	{id: "IN5", promise: "P16", what: "The source of a file leads out of the playbook's folder.", exit: "50", tests: `
		tasks: TestScpReadsOnlyBelowThePlaybook
		playbooks: TestJail
		cmd/hcrun/cli: TestScripts/language`},
	{id: "IN6", promise: "P18", what: "A YAML file on the node grows without end when its aliases are followed.", exit: "42", tests: `
		tasks/splice: TestRefusals/alias bomb
		tasks/splice: TestRefusals/too deep`},
	{id: "IN8", promise: "P6", what: "A YAML file cannot be written back as it is: doubled keys, merges, tags, marks, tabs, several documents.", exit: "42", tests: `
		tasks/splice: TestRefusals/duplicate key
		tasks/splice: TestRefusals/merge key
		tasks/splice: TestRefusals/tag on a parent
		tasks/splice: TestRefusals/byte order mark
		tasks/splice: TestRefusals/tab as indentation
		tasks/splice: TestRefusals/two documents
		tasks: TestYamlPatchRefuses/refused by line`},
	{id: "IN9", promise: "P5", what: "An edit of a YAML file changes something beside what it is for.", tests: `
		tasks/splice: TestRandomEdits
		tasks/splice: TestFlagshipOnEveryVariant
		tasks/splice: TestJudge`},
	{id: "IN10", promise: "P17", what: "What a node says looks like a template or a command.", tests: `
		engine/sshnode: TestLook/dash
		engine/sshnode: TestObserve/dash`, but: "templates: no value of a node gets into a playbook"},
	{id: "IN11", promise: "P17", what: "A name has letters that look like others, or turn the text around.", exit: "2", tests: `
		playbooks: TestBroken/labels
		playbooks: TestBroken/bidi
		playbooks/lang: TestSnippetEscapes
		cmd/hcrun/ui: TestClean`},
	{id: "IN12", promise: "P18", what: "A for_each would make a million steps.", exit: "2", tests: `
		playbooks: TestBroken/for-each`},
	{id: "IN14", promise: "P16", what: "A secret stands in a playbook as text.", exit: "50", gap: "not built: nothing looks for texts that could be secrets; sensitive = true hides what is marked"},
	{id: "IN15", promise: "P5", what: "The playbook changes after a run has begun.", exit: "0", tests: `
		cmd/hcrun/cli: TestScripts/recorded
		playbooks: TestChanged`, but: "variables and the environment: resume is not given them, and says nothing of them"},
	{id: "IN16", promise: "P5", what: "A file that is copied changes after a run has begun.", exit: "0", tests: `
		cmd/hcrun/cli: TestScripts/recorded
		tasks: TestALargeFileIsNotHeldInMemory`},
	{id: "IN17", promise: "P12", what: "A time zone is unknown, or a window is empty.", exit: "2", tests: `
		engine: TestScheduleValidate/zone
		engine: TestScheduleValidate/empty
		playbooks: TestBroken/schedule-window-zone
		playbooks: TestBroken/schedule-window-empty`},
}
