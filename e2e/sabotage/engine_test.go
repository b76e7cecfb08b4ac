package sabotage

// ofEngine are the steps of a run: what is recorded when, and what is looked at before and after a write.
var ofEngine = []sabotage{
	{
		name: "intent after the write", promise: "P1", removed: "A write is announced in the journal before it leaves.",
		file: "engine/settle.go", pkg: "engine", test: "TestApplyEnds/lands",
		old: "\tif err := ahead(); err != nil {\n\t\treturn \"\", err\n\t}\n\tif err := n.Put(ctx, c); errors.Is(err, ErrNotEmpty) {",
		new: "\terr = n.Put(ctx, c)\n\tif failed := ahead(); failed != nil {\n\t\treturn \"\", failed\n\t}\n\tif errors.Is(err, ErrNotEmpty) {",
	},
	{
		name: "write without a journal", promise: "P1", removed: "A write stays undone when its announcement cannot be recorded.",
		file: "engine/write.go", pkg: "engine", test: "TestJournalFails/apply",
		old: "\t\treturn w.recordErr\n\t})", new: "\t\treturn nil\n\t})",
	},
	{
		name: "nothing kept", promise: "P1", removed: "The bytes of before and after are kept before a run is opened.",
		file: "engine/engine.go", pkg: "engine", test: "TestOpenRefuses/lost",
		old: "e.keep(ctx, steps)", new: "e.keep(ctx, nil)",
	},
	{
		name: "intent that is forgotten", promise: "P2", removed: "A resumed run knows that its last write may have happened.",
		file: "engine/settle.go", pkg: "engine", test: "TestEveryCrash/single/apply",
		old: "case c.After.Matches(got):", new: "case false:",
	},
	{
		name: "no undo of what is in doubt", promise: "P2", removed: "A rollback begins with the write that nobody acknowledged.",
		file: "engine/cursor.go", pkg: "engine", test: "TestRollbackOfDoubt/it_happened",
		old: "case !r.InDoubt:", new: "default:",
	},
	{
		name: "undo from the first change", promise: "P3", removed: "Changes are undone from the last to the first.",
		file: "engine/rollback.go", pkg: "engine", test: "TestOrder",
		old: "p.undo(ctx, p.r.Next)", new: "p.undo(ctx, Op{})",
	},
	{
		name: "no look after a rollback", promise: "P3", removed: "A rollback ends with a look whether all is as it was.",
		file: "engine/rollback.go", pkg: "engine", test: "TestApplyEnds/edited_after_its_undo",
		old: "err := p.restored(ctx); err != nil", new: "err := error(nil); err != nil",
	},
	{
		name: "hash of the node's copy", promise: "P3", removed: "The node's own copy is taken only when it has the hash and the size that are on record.",
		file: "engine/rollback.go", pkg: "engine", test: "TestCopyOnTheNode/the_copy_is_another,_landed",
		old: "case err != nil || !kept.Same(c.After.Content):", new: "case err != nil:",
	},
	{
		name: "rollback over later edits", promise: "P3", removed: "A landed run is rolled back only while all that it left still stands.",
		file: "engine/rollback.go", pkg: "engine", test: "TestRollbackOfLanded/one_is_edited",
		old: "if drifted == nil {", new: "if true {",
	},
	{
		name: "rollback beneath a later run", promise: "P3", removed: "What a later run was built on is not undone before that run.",
		file: "engine/later.go", pkg: "engine", test: "TestMayUndo",
		old: "later := StandsOn(r, all); len(later) > 0", new: "later := StandsOn(r, all); false",
	},
	{
		name: "check that can write", promise: "P4", removed: "A check gets a node that can do nothing but look.",
		file: "engine/asking.go", pkg: "engine", test: "TestChecksCannotWrite",
		old: "w.Node, w.Clock = watchOnly{at}, e.Clock", new: "w.Node, w.Clock = at, e.Clock",
	},
	{
		name: "commands that write", promise: "P4", removed: "Only commands of a table that can do nothing but read are run.",
		file: "engine/observe.go", pkg: "engine", test: "TestReadOnly",
		old: "return reads{}, false", new: "return reads{operands: true}, true",
	},
	{
		name: "flags that write", promise: "P4", removed: "A command that reads is given no flag that is not known to read.",
		file: "engine/observe.go", pkg: "engine", test: "TestReadOnly",
		old: "case !inline && slices.Contains(flags, w):", new: "case !inline:",
	},
	{
		name: "stale plan", promise: "P5", removed: "Every file of the plan is looked at once more before the first write.",
		file: "engine/apply.go", pkg: "engine", test: "TestApplyEnds/appeared_since_the_plan",
		old: "paths, may := p.r.standing()\n", new: "paths, may := p.r.standing()\n\tpaths = nil\n",
	},
	{
		name: "plan of something else", promise: "P5", removed: "A task plans its change on what it has looked at.",
		file: "engine/plan.go", pkg: "engine", test: "TestPlanRefuses/a_made-up_before",
		old: "case !looked || !c.Before.Matches(was) || touched[c.At]:", new: "case !looked:",
	},
	{
		name: "no look before a write", promise: "P6", removed: "A file is looked at right before its write is announced.",
		file: "engine/settle.go", pkg: "engine", test: "TestRollbackLeavesOthers",
		old: "case !c.Before.Matches(got):", new: "case false:",
	},
	{
		name: "no look after a write", promise: "P9", removed: "A write counts once the file has been seen to be what it should.",
		file: "engine/settle.go", pkg: "engine", test: "TestApplyEnds/edited_right_after_its_write",
		old: "\tcase c.After.Matches(got):\n\t\treturn Wrote, nil\n\tcase c.Cmd", new: "\tcase c.Cmd == nil || c.After.Matches(got):\n\t\treturn Wrote, nil\n\tcase c.Cmd",
	},
	{
		name: "lost connection that is a no", promise: "P9", removed: "A write whose answer was lost is unknown and not failed.",
		file: "engine/checks.go", pkg: "engine", test: "TestApplyEnds/check_lost",
		old: "case ctx.Err() != nil || isLost(err):\n\t\treturn p.blind(ctx, s.ID(), err)", new: "case ctx.Err() != nil:\n\t\treturn p.blind(ctx, s.ID(), err)",
	},
	{
		name: "failure that lands", promise: "P10", removed: "A change that its check disproves is rolled back.",
		file: "engine/checks.go", pkg: "engine", test: "TestApplyEnds/check_failed",
		old: "e.Text, e.Hint, e.Keep = d.why, d.hint, s.OnFailure == Eventful", new: "e.Text, e.Hint, e.Keep = d.why, d.hint, true",
	},
	{
		name: "rollback without its waits", promise: "P10", removed: "A check that is meant for both ways is asked again after its change is undone.",
		file: "engine/rollback.go", pkg: "engine", test: "TestApplyEnds/rollback:_pod_does_not_come",
		old: "err, fatal = p.check(ctx, op, m.Mark); fatal != nil", new: "fatal != nil",
	},
	{
		name: "no evidence", promise: "P10", removed: "What a failed check has seen is kept before anything is undone.",
		file: "engine/checks.go", pkg: "engine", test: "TestOrder",
		old: "if err := p.testify(ctx, op, found); err != nil {", new: "if _ = found; false {",
	},
	{
		name: "unreadable verifier", promise: "P20", removed: "A check that could not answer after the change is known before it.",
		file: "engine/checks.go", pkg: "engine", test: "TestApplyEnds/mark:_unavailable",
		old: "\t\t\treturn p.unmarked(ctx, i, err)\n", new: "\t\t\tcontinue\n",
	},
	{
		name: "content that is not verified", promise: "P14", removed: "Bytes that are read are compared with the hash they are known by.",
		file: "engine/content.go", pkg: "engine", test: "TestContent",
		old: "if err == io.EOF && (", new: "if false && (",
	},
	{
		name: "secret that prints", promise: "P16", removed: "A secret prints as a placeholder, whatever the verb.",
		file: "engine/veil.go", pkg: "engine", test: "TestSecretPrints",
		old: "io.WriteString(f, Hidden)", new: "io.WriteString(f, s.Reveal())",
	},
	{
		name: "secret in another form", promise: "P16", removed: "Secrets are found in text as base64, too.",
		file: "engine/veil.go", pkg: "engine", test: "TestVeil",
		old: "for before := range 3 {", new: "for before := range 0 {",
	},
	{
		name: "journal without the veil", promise: "P16", removed: "What a check says is stripped of secrets before it is recorded.",
		file: "engine/engine.go", pkg: "cmd/hcrun/cli", test: "TestCanary",
		old: "ev = e.Veil.event(ev)", new: "",
	},
	{
		name: "copy of a secret", promise: "P16", removed: "The bytes of a secret file are secret wherever they are copied to.",
		file: "engine/plan.go", pkg: "engine", test: "TestSecretsStaySecretWhereverTheyGo",
		old: "p.hidden[c.At] || bytes[c.Before.Content.Hash()] || bytes[c.After.Content.Hash()]", new: "p.hidden[c.At]",
	},
	{
		name: "secret paths", promise: "P16", removed: "Keys, kubeconfigs and tokens are taken for secrets by their path.",
		file: "engine/secret.go", pkg: "engine", test: "TestSecretPath",
		old: `dir == "pki" || `, new: "",
	},
}

// ofGuards are what holds a node.
var ofGuards = []sabotage{
	{
		name: "guard open", promise: "P11", removed: "No node is begun while another is changed and not verified.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/another_is_open",
		old: "ro.open, ", new: "",
	},
	{
		name: "gate before", promise: "P11", removed: "A node is begun only when its neighbours are well.",
		file: "engine/gates.go", pkg: "engine", test: "TestApplyEnds/peer_not_well",
		old: "case when == before && len(refused) > 0:", new: "case false:",
	},
	{
		name: "gate after", promise: "P11", removed: "A change that makes a neighbour unwell is rolled back.",
		file: "engine/gates.go", pkg: "engine", test: "TestApplyEnds/peer_not_well_after",
		old: "case when == after && len(fatal) > 0:", new: "case false:",
	},
	{
		name: "neighbour that is silent", promise: "P11", removed: "A neighbour that cannot be asked counts as a no.",
		file: "engine/gates.go", pkg: "engine", test: "TestApplyEnds/peer_cannot_be_reached",
		old: "for _, name := range slices.Sorted(maps.Keys(gone)) {", new: "for _, name := range slices.Sorted(maps.Keys(map[string]error{})) {",
	},
	{
		name: "guard order", promise: "P12", removed: "Nodes go in the playbook's order.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/third_skips_second",
		old: "ro.order, ", new: "",
	},
	{
		name: "guard clean", promise: "P12", removed: "After an eventful run the next node waits until somebody has looked.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/first_eventful",
		old: "ro.clean, ", new: "",
	},
	{
		name: "guard inputs", promise: "P12", removed: "The next node waits when the playbook is no longer the one that landed before.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/inputs_changed",
		old: "ro.inputs, ", new: "",
	},
	{
		name: "guard soak", promise: "P12", removed: "The next node waits until the last change has stood for its time.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/soak,_a_second_early",
		old: "ro.soak, ", new: "",
	},
	{
		name: "guard per-day", promise: "P12", removed: "No more nodes are changed in a day than the schedule says.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/one_a_day,_same_day",
		old: "ro.perDay, ", new: "",
	},
	{
		name: "guard window", promise: "P12", removed: "A node is begun in a window only.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/window,_a_second_early",
		old: "ro.window, ", new: "",
	},
	{
		name: "guard freeze", promise: "P12", removed: "No node is begun in a freeze.",
		file: "engine/rollout.go", pkg: "engine", test: "TestFreezesAndRoom",
		old: ", ro.freeze)", new: ")",
	},
	{
		name: "guard clock", promise: "P12", removed: "A clock that went back behind the records opens nothing.",
		file: "engine/rollout.go", pkg: "engine", test: "TestGuards/clock_before_a_run",
		old: "ro.clock, ", new: "",
	},
	{
		name: "override of what runs", promise: "P12", removed: "A guard is overridden before the first write or not at all.",
		file: "engine/engine.go", pkg: "engine", test: "TestAckAndOverride",
		old: "\tif !r.FirstWrite.IsZero() {\n\t\treturn Problemf(Invalid, \"run %s has begun", new: "\tif false {\n\t\treturn Problemf(Invalid, \"run %s has begun",
	},
	{
		name: "override that is not recorded", promise: "P12", removed: "An override opens something once it is on record.",
		file: "engine/engine.go", pkg: "engine", test: "TestAckAndOverride",
		old: "return e.record(r, Event{Kind: EvOverride, Override: &o})", new: "r.Overrides = append(r.Overrides, o)\n\treturn e.record(r, Event{Kind: EvOverride, Override: &o})",
	},
	{
		name: "resume of what never began", promise: "P12", removed: "A run that has written nothing is not resumed past the guards.",
		file: "engine/later.go", pkg: "engine", test: "TestMayResume",
		old: "\tcase r.FirstWrite.IsZero():\n", new: "\tcase false:\n",
	},
	{
		name: "guards forget", promise: "P12", removed: "Records that guards are decided on are not cleared away.",
		file: "engine/expire.go", pkg: "engine", test: "TestGuardsForgetNothing",
		old: "for _, r := range latest(runs) {", new: "for _, r := range latest(nil) {",
	},
}

// ofClaim are what keeps two operators apart.
var ofClaim = []sabotage{
	{
		name: "claim of somebody else", promise: "P11", removed: "A node that somebody else holds is not taken over without being asked to.",
		file: "engine/claim.go", pkg: "engine", test: "TestHeldElsewhere",
		old: `held.By.Store != "" && held.By.Holder.Store == p.Holder.Store`, new: "true",
	},
	{
		name: "others began meanwhile", promise: "P11", removed: "The others are asked again once the node is claimed.",
		file: "engine/claim.go", pkg: "engine", test: "TestOthersBegan",
		old: "if p.w == nil || p.Alone == nil {", new: "if true {",
	},
	{
		name: "end before the ledger", promise: "P12", removed: "The node's ledger has the outcome before the journal says that the run is over.",
		file: "engine/claim.go", pkg: "engine", test: "TestClaimed/landed",
		old: "if err := p.release(ctx, o); err != nil {", new: "if err := errors.Join(p.record(p.r, ev), p.release(ctx, o)); err != nil {",
	},
	{
		name: "no outcome in the ledger", promise: "P12", removed: "What came of a run is left on the node.",
		file: "engine/claim.go", pkg: "engine", test: "TestClaimed/rolled_back",
		old: "\to := &line\n", new: "\to := &line\n\to = nil\n",
	},
	{
		name: "ledger that is not read", promise: "P12", removed: "Guards know what only the nodes have on record.",
		file: "engine/claim.go", pkg: "engine", test: "TestRecollect",
		old: "all = append(all, r)", new: "",
	},
	{
		name: "acknowledgement that only its giver has", promise: "P12", removed: "What was acknowledged in one place holds nobody in another.",
		file: "engine/claim.go", pkg: "engine", test: "TestAcknowledge/told",
		old: ", Acked: o.Ack}", new: "}",
	},
	{
		name: "acknowledgement from elsewhere", promise: "P12", removed: "A journal that has no acknowledgement goes by the node's.",
		file: "engine/claim.go", pkg: "engine", test: "TestAcknowledgedElsewhere",
		old: "all[i].Acked = o.Ack", new: "",
	},
	{
		name: "acknowledgement of what nobody saw", promise: "P12", removed: "What has become of a run since it was looked at is not acknowledged with it.",
		file: "engine/ack.go", pkg: "engine", test: "TestAcknowledgeOvertaken",
		old: "len(l.Outcomes) != len(seen.Outcomes)", new: "len(l.Outcomes) < 0",
	},
	{
		name: "acknowledgement over a claim", promise: "P11", removed: "A node that a run holds is not taken from it for an acknowledgement.",
		file: "engine/ack.go", pkg: "engine", test: "TestAcknowledge/a_node_at_work",
		old: "held != nil && (held.Ack ||", new: "held != nil && (true ||",
	},
}
