package sabotage

// ofJournal are what makes a journal one that can be gone by.
var ofJournal = []sabotage{
	{
		name: "sync of a record", promise: "P1", removed: "A record is on the disk before it is acknowledged.",
		file: "engine/journal/journal.go", pkg: "engine/journal", test: "TestOrderOfSyncs",
		old: "if err := j.file.Sync(); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "sync of the journals' folder", promise: "P1", removed: "The name of a new journal is on the disk before the run begins.",
		file: "engine/journal/journal.go", pkg: "engine/journal", test: "TestOrderOfSyncs",
		old: "err = s.disk.syncDir(s.runs())", new: "err = nil",
	},
	{
		name: "sync of what a dead process made", promise: "P8", removed: "A folder whose maker died before it was synced is synced by who finds it.",
		file: "engine/journal/disk.go", pkg: "engine/journal", test: "TestPowerCutAnywhere",
		old: "err := d.syncDir(folder)\n", new: "err := error(nil)\n",
	},
	{
		name: "sync of a kept file", promise: "P1", removed: "The bytes of before are on the disk before they are said to be kept.",
		file: "engine/journal/blob.go", pkg: "engine/journal", test: "TestOrderOfSyncs",
		old: "if err := out.Sync(); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "disk that failed once", promise: "P1", removed: "A journal whose disk failed takes nothing more.",
		file: "engine/journal/journal.go", pkg: "engine/journal", test: "TestADiskThatFailsPoisonsTheJournal/fsync",
		old: "\tj.broken = p\n", new: "",
	},
	{
		name: "torn tail that is thrown away", promise: "P14", removed: "Half a record that a crash has left is set aside before it is cut off.",
		file: "engine/journal/journal.go", pkg: "engine/journal", test: "TestTornTailIsSetAsideDurablyBeforeItIsCut/half_a_record",
		old: "if err := s.setAside(id, c.torn); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "tail that is not torn", promise: "P14", removed: "Only the beginning of a next record counts as a torn tail.",
		file: "engine/journal/record.go", pkg: "engine/journal", test: "TestDamageIsNamed/a_tail_of_something",
		old: "if !begins {", new: "if false {",
	},
	{
		name: "checksum of a record", promise: "P14", removed: "A record whose bytes have changed is refused.",
		file: "engine/journal/record.go", pkg: "engine/journal", test: "TestEveryFlippedBitIsFound",
		old: "if sum != sumOf(line[:cut]) {", new: "if false {",
	},
	{
		name: "chain of records", promise: "P14", removed: "Records that were dropped, swapped or repeated are found.",
		file: "engine/journal/record.go", pkg: "engine/journal", test: "TestRecordsThatMovedAreFound",
		old: "event, ok := bytes.CutPrefix(line[:cut], c.prefix(max(v, 1)))", new: "_, event, ok := bytes.Cut(line[:cut], []byte(`,\"event\":`))",
	},
	{
		name: "journal of another run", promise: "P14", removed: "A journal says whose it is in every record.",
		file: "engine/journal/read.go", pkg: "engine/journal", test: "TestAJournalOfAnotherRunIsRefused",
		old: "if e.Run != id {", new: "if false {",
	},
	{
		name: "journal that others can write", promise: "P14", removed: "A state folder that others can write is refused.",
		file: "engine/journal/disk.go", pkg: "engine/journal", test: "TestAStateFolderThatOthersCanChangeIsRefused",
		old: "m&0o022 != 0", new: "m&0 != 0",
	},
	{
		name: "journal of somebody else", promise: "P14", removed: "A state folder of somebody else is refused.",
		file: "engine/journal/disk.go", pkg: "engine/journal", test: "TestAStateFolderOfSomebodyElseIsRefused",
		old: "int(st.Uid) != os.Geteuid()", new: "false",
	},
	{
		name: "lock of a state folder", promise: "P11", removed: "Two processes do not work from one state folder.",
		file: "engine/journal/lock.go", pkg: "engine/journal", test: "TestLock",
		old: "err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)", new: "err := error(nil)",
	},
	{
		name: "seal", promise: "P16", removed: "The bytes of a secret are kept sealed.",
		file: "engine/journal/blob.go", pkg: "engine/journal", test: "TestSecretsAreKeptSealed",
		old: "read, err = s.copySealed(ctx,", new: "read, err = copyTo(ctx,",
	},
	{
		name: "key in the place of a lost one", promise: "P3", removed: "No new key is made while something is sealed with one that is gone.",
		file: "engine/journal/seal.go", pkg: "engine/journal", test: "TestNoKeyInPlaceOfALostOne",
		old: `sealed := s.orphans(); sealed != ""`, new: `sealed := ""; sealed != ""`,
	},
}

// ofCommands are what the command line adds.
var ofCommands = []sabotage{
	{
		name: "plan that makes a journal", promise: "P4", removed: "Commands that only look make no state folder.",
		file: "cmd/hcrun/cli/site.go", pkg: "cmd/hcrun/cli", test: "TestScripts/reading",
		old: "return journal.ReadStore(dir)", new: "return journal.OpenStore(dir)",
	},
	{
		name: "plan that goes on", promise: "P4", removed: "--plan ends with the plan.",
		file: "cmd/hcrun/cli/apply.go", pkg: "cmd/hcrun/cli", test: "TestScripts/plan",
		old: "\tif f.plan {\n\t\treturn ro.plan(ctx)\n\t}\n", new: "",
	},
	{
		name: "look that writes", promise: "P4", removed: "A look does nothing on the node but read.",
		file: worker, pkg: "cmd/hcrun/cli", test: "TestPlanOnReadOnlyNode",
		old: "look() { b=$1; shift\n", new: "look() { b=$1; shift; : >/tmp/hcrun-looked\n",
	},
	{
		name: "limit that leaves nobody", promise: "P5", removed: "A limit that leaves no host of the playbook is an error and never widens.",
		file: "cmd/hcrun/cli/apply.go", pkg: "cmd/hcrun/cli", test: "TestLimitNeverWidens",
		old: `return nil, usage("--limit %s: none of these hosts is one that the playbook is for", limit)`, new: "return group, nil",
	},
	{
		name: "empty limit", promise: "P5", removed: "An empty limit is an error and not every node.",
		file: "cmd/hcrun/cli/reach.go", pkg: "cmd/hcrun/cli", test: "TestScripts/inventory",
		old: `if strings.TrimSpace(s) == "" {`, new: `if strings.TrimSpace(s) == "" && false {`,
	},
	{
		name: "pattern that names nobody", promise: "P5", removed: "A word of a pattern that matches no host is an error.",
		file: "inventory/select.go", pkg: "inventory", test: "TestSelect",
		old: "\tif len(names) == 0 {\n", new: "\tif false {\n",
	},
	{
		name: "pattern that takes nothing away", promise: "P5", removed: "What a pattern excludes is excluded.",
		file: "inventory/select.go", pkg: "inventory", test: "TestSelect",
		old: "!slices.Contains(out, h.Name) && ", new: "",
	},
	{
		name: "node of another operator", promise: "P11", removed: "Nothing is begun while another operator's run holds a node of the group.",
		file: "cmd/hcrun/cli/evidence.go", pkg: "cmd/hcrun/cli", test: "TestTwoOperators",
		old: "\t\tif err := ro.foreign(ro.store, h, l); err != nil {", new: "\t\tif err := error(nil); err != nil {",
	},
	{
		name: "journal that is lost", promise: "P12", removed: "The nodes' own records count where the journal is lost.",
		file: "cmd/hcrun/cli/evidence.go", pkg: "cmd/hcrun/cli", test: "TestLostJournal",
		old: "past = engine.Recollect(past, h.Name, ro.address(h), l)", new: "",
	},
	{
		name: "clock of the node", promise: "P12", removed: "A node whose clock is another one than the runner's is not changed.",
		file: "cmd/hcrun/cli/clocks.go", pkg: "cmd/hcrun/cli", test: "TestClocksThatDiffer",
		old: "case itself && by.Abs() > maxSkew:", new: "case false:",
	},
	{
		name: "clock that a ledger is ahead of", promise: "P12", removed: "A clock that is behind what only a node has on record opens nothing.",
		file: "engine/claim.go", pkg: "engine", test: "TestRecollect",
		old: "Began: o.Began, Ended: o.Ended, Latest: o.Ended, FirstWrite", new: "Began: o.Began, FirstWrite",
	},
	{
		name: "unfinished run on the node", promise: "P11", removed: "A node whose last run is not finished is not begun anew.",
		file: "cmd/hcrun/cli/node.go", pkg: "cmd/hcrun/cli", test: "TestScripts/unfinished",
		old: "if r.Node == h.Name && r.Dirty() {", new: "if false {",
	},
	{
		name: "run that went elsewhere", promise: "P15", removed: "A run is resumed only at the address that it went to.",
		file: "cmd/hcrun/cli/resume.go", pkg: "cmd/hcrun/cli", test: "TestScripts/unfinished",
		old: "here := s.address(h); here != r.Address", new: "here := s.address(h); false",
	},
	{
		name: "veil of the screen", promise: "P16", removed: "Whatever is printed passes the veil.",
		file: "cmd/hcrun/cli/cli.go", pkg: "cmd/hcrun/cli", test: "TestScripts/veil",
		old: "a.out, a.errOut = &veiled{a.out, a.veil}, &veiled{a.errOut, a.veil}\n", new: "",
	},
	{
		name: "control bytes", promise: "P17", removed: "What moves the cursor or hides text is shown as an escape.",
		file: "cmd/hcrun/ui/clean.go", pkg: "cmd/hcrun/ui", test: "TestClean",
		old: "return unicode.IsControl(r) || ", new: "return ",
	},
	{
		name: "exit status", promise: "P20", removed: "The exit status is that of what happened.",
		file: "cmd/hcrun/cli/cli.go", pkg: "cmd/hcrun/cli", test: "TestScripts/usage",
		old: "\treturn engine.CodeOf(err)\n}\n\n// execute", new: "\treturn engine.Done\n}\n\n// execute",
	},
	{
		name: "status of changed inputs", promise: "P20", removed: "Changed inputs have a status of their own.",
		file: "cmd/hcrun/cli/node.go", pkg: "cmd/hcrun/cli", test: "TestScripts/guards",
		old: "p.Code = engine.InputsChanged", new: "",
	},
}

// ofChecks are what a check takes for a proof.
var ofChecks = []sabotage{
	{
		name: "old container", promise: "P10", removed: "A restart of the old pod is not taken for the new one.",
		file: "tasks/podwait.go", pkg: "tasks", test: "TestWaitForPod/old_pod_restarted_is_not_new",
		old: "return p.mark.Undoing || !slices.Contains(p.mark.Running, c.UID)", new: "return true",
	},
	{
		name: "container from before", promise: "P10", removed: "A container that was created before the change proves nothing.",
		file: "tasks/podwait.go", pkg: "tasks", test: "TestWaitForPod/created_before_the_change_by_the_node's_clock",
		old: " || c.Created <= p.mark.Node {", new: " {",
	},
	{
		name: "container with other arguments", promise: "P10", removed: "The container that runs has the arguments of the manifest.",
		file: "tasks/podwait.go", pkg: "tasks", test: "TestWaitForPod/runs_with_other_arguments",
		old: `why := p.want.differs(p.runs); why != ""`, new: `why := ""; why != ""`,
	},
	{
		name: "stable time", promise: "P10", removed: "A pod has to stay well for its time.",
		file: "tasks/podwait.go", pkg: "tasks", test: "TestWaitForPod/flap",
		old: "last := good != nil && good() >= stable", new: "last := good != nil",
	},
	{
		name: "stray manifest later", promise: "P10", removed: "A pod is proven only when no other manifest has come beside its own.",
		file: "tasks/podwait.go", pkg: "tasks", test: "TestWaitForPod/a_stray_manifest_that_does_not_run_at_the_moment",
		old: "ok, err = p.alone(ctx)", new: "err = nil",
	},
	{
		name: "stray manifest before", promise: "P10", removed: "Nothing is begun while another manifest lies beside the one that is meant.",
		file: "tasks/podmark.go", pkg: "tasks", test: "TestWaitForPodMark/a_backup_beside_the_manifest",
		old: `if err != nil || stray == "" {`, new: "if true {",
	},
	{
		name: "not ready before", promise: "P10", removed: "What has to be ready after the change is ready before it.",
		file: "tasks/podmark.go", pkg: "tasks", test: "TestWaitForPodMark/not_ready_before",
		old: `return t.endpoint().reachable(ctx, w, "it must be ready before the change, or nobody could tell what the change did")`, new: "return nil",
	},
	{
		name: "old lines of a log", promise: "P10", removed: "Only what was written after the change counts.",
		file: "tasks/taillog.go", pkg: "tasks", test: "TestTailLog/only_old_lines",
		old: "return json.Marshal(m)", new: "m.Size = 0\n\treturn json.Marshal(m)",
	},
	{
		name: "log that stopped", promise: "P10", removed: "A line has to come while somebody looks.",
		file: "tasks/taillog.go", pkg: "tasks", test: "TestTailLog/stopped_growing",
		old: "lines.matched >= count && (t.Once || lines.live > 0)", new: "lines.matched >= count",
	},
	{
		name: "lines of another node", promise: "P10", removed: "Only lines that carry this node's name count.",
		file: "tasks/lokisearch.go", pkg: "tasks", test: "TestLokiQuery/a_Loki_that_ignores_the_matcher",
		old: "return who, who == s.node", new: "return who, true",
	},
	{
		name: "old lines that were shipped late", promise: "P10", removed: "The time of the event counts, and not that of its shipping.",
		file: "tasks/lokisearch.go", pkg: "tasks", test: "TestLokiQuery/old_lines_with_new_stamps",
		old: "case at.After(s.since):", new: "case true:",
	},
	{
		name: "Loki that is down", promise: "P20", removed: "Loki is asked once before the first write.",
		file: "tasks/lokiquery.go", pkg: "tasks", test: "TestLokiQueryMark/down",
		old: "if err := s.first(ctx); err != nil && !w.Undoing {", new: "if false {",
	},
	{
		name: "manifest beside the patched one", promise: "P7", removed: "A manifest is not patched while its copy lies beside it.",
		file: "tasks/yamlpatch.go", pkg: "tasks", test: "TestYamlPatchRefuses/backup",
		old: "if err := aloneInFolder(ctx, look, t.Path, text, images[1]); err != nil {", new: "if false {",
	},
	{
		name: "edit that reads otherwise", promise: "P5", removed: "A file that YAML readers do not agree about is not edited.",
		file: "tasks/splice/agree.go", pkg: "tasks/splice", test: "TestRefusals",
		old: "if v != read {", new: "if false {",
	},
	{
		name: "text that is written anew", promise: "P5", removed: "A file in which all is as wanted stays byte for byte.",
		file: "tasks/splice/patch.go", pkg: "tasks/splice", test: "TestFlagshipOnEveryVariant",
		old: "return d.text, nil", new: "return bytes.ReplaceAll(d.text, []byte(\"\\n\\n\"), []byte(\"\\n\")), nil",
	},
	{
		name: "files from elsewhere", promise: "P16", removed: "Local files are read from the playbook's folder only.",
		file: "tasks/localfile.go", pkg: "tasks", test: "TestScpReadsOnlyBelowThePlaybook",
		old: "if !fs.ValidPath(clean) {", new: "if false {",
	},
}
