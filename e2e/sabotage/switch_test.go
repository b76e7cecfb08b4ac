package sabotage

// ofSwitch are what has a node undo by itself what nobody confirms.
var ofSwitch = []sabotage{
	{
		name: "write without a switch", promise: "P13", removed: "The node is told how to undo the run before the first write.",
		file: "engine/apply.go", pkg: "engine", test: "TestArmedBeforeEveryWrite",
		old: "return p.ready(ctx)", new: "return nil",
	},
	{
		name: "switch that cannot be armed", promise: "P13", removed: "Nothing is written where the switch cannot be armed.",
		file: "engine/switch.go", pkg: "engine", test: "TestArm/cannot",
		old: "\tif err != nil {\n\t\treturn p.unheld(ctx, \"arm the switch\", err)\n\t}\n\treturn nil", new: "\treturn nil",
	},
	{
		name: "switch that is not asked", promise: "P13", removed: "A node is asked whether it has undone the run before anything else is done to it.",
		file: "engine/claim.go", pkg: "engine", test: "TestSwitchFires/apply",
		old: "return p.undecided(ctx)", new: "return nil",
	},
	{
		name: "runner that slept", promise: "P13", removed: "A runner whose node has undone the run meanwhile is told so by the node.",
		file: "engine/switch.go", pkg: "engine", test: "TestSwitchFires/apply",
		old: "if held.By.Run == p.r.ID {", new: "if false {",
	},
	{
		name: "switch that is taken for an edit", promise: "P13", removed: "What the node has undone is not taken for somebody's edit.",
		file: "engine/write.go", pkg: "engine", test: "TestSwitchFires/apply",
		old: "if err := p.byItself(ctx); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "undone and not proven", promise: "P13", removed: "What the node has undone by itself is proven to work.",
		file: "engine/rollback.go", pkg: "engine", test: "TestSwitchCode",
		old: "got.Kind != Unknowable && !p.r.Fired() {", new: "got.Kind != Unknowable {",
	},
	{
		name: "fired run that succeeds", promise: "P13", removed: "A run that its node has undone never ends with 0.",
		file: "engine/rollback.go", pkg: "engine", test: "TestSwitchCode",
		old: "\tcase p.r.Fired():\n\t\treturn fired(p.r)\n", new: "",
	},
	{
		name: "fired rollback that succeeds", promise: "P13", removed: "Whoever rolls back what the node has undone by itself is told so.",
		file: "engine/rollback.go", pkg: "engine", test: "TestRollbackOfWhatHasFired",
		old: "if err == nil && p.r.Fired() {", new: "if false {",
	},
	{
		name: "status of a fired run", promise: "P13", removed: "A run that its node has undone has an exit status of its own.",
		file: "engine/report.go", pkg: "engine", test: "TestSwitchCode",
		old: "\tp.Code = Fired\n", new: "",
	},
	{
		name: "rollback beside the switch", promise: "P13", removed: "The node waits anew while a run is rolled back.",
		file: "engine/rollback.go", pkg: "engine", test: "TestPutOffOnTheWayDown",
		old: "err := p.extend(ctx); err != nil", new: "err := error(nil); err != nil",
	},
	{
		name: "order of putting back", promise: "P13", removed: "What was changed first is put back last.",
		file: "engine/switch.go", pkg: "engine", test: "TestRestores",
		old: "\tslices.Reverse(all)\n", new: "",
	},
	{
		name: "states of a path that is changed twice", promise: "P13", removed: "A path is put back from every state that the run may have left it in.",
		file: "engine/switch.go", pkg: "engine", test: "TestRestores",
		old: "all[i].After = append(all[i].After, c.After)", new: "all[i].After = []Image{c.After}",
	},
	{
		name: "switch that is too quick", promise: "P13", removed: "A switch waits for as long as a run may take.",
		file: "engine/switch.go", pkg: "engine", test: "TestWithin",
		old: "case c.Within < pb.Needs():", new: "case false:",
	},
	{
		name: "path that was changed twice", promise: "P13", removed: "A rollback ends where a switch has put a path back past an earlier change of it.",
		file: "engine/rollback.go", pkg: "engine", test: "TestSwitchOfOnePathTwice",
		old: "was[c.At].Matches(gone.Got) {", new: "was[c.At].Matches(gone.Got) && false {",
	},
	{
		name: "copies without a look", promise: "P13", removed: "The copies are of what the plan saw.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/no_switch_is_armed_by_who_does_not_hold_the_node,_or_for_what_is_not_there",
		old: `*) st=77 e="$2 is not what the plan saw: $s"; return 1;; esac`, new: "esac",
	},
	{
		name: "token of a switch", promise: "P13", removed: "Only who holds the node arms a switch there.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/no_switch_is_armed_by_who_does_not_hold_the_node,_or_for_what_is_not_there",
		old: `keep "$k" && ours . "$tok" && {`, new: `keep "$k" && {`,
	},
	{
		name: "copies that are none", promise: "P13", removed: "The copies are compared with what was copied.",
		file: worker, pkg: "engine/sshnode", test: "TestArmRefuses/copies_that_are_none",
		old: `see "$q/$1" && [ "${s##* }" = "$x" ] ||`, new: `see "$q/$1" ||`,
	},
	{
		name: "room for the run", promise: "P13", removed: "A run whose files would not fit is not begun.",
		file: worker, pkg: "engine/sshnode", test: "TestArmRefuses/no_room",
		old: "[ $(($2*$3)) -gt $(($1+65536)) ] ||", new: ": ||",
	},
	{
		name: "what nobody can change", promise: "P6", removed: "A file or folder that is immutable or append-only is found before anything is written.",
		file: worker, pkg: "engine/sshnode", test: "TestArmWithoutAttributes/immutable",
		old: `free) free "$2";;`, new: "free) :;;",
	},
	{
		name: "sync of the copies", promise: "P13", removed: "The copies are on the disk before the switch is there.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/arm",
		old: `"$q/$1" && try sync "$q/$1" || return`, new: `"$q/$1" || return`,
	},
	{
		name: "sync of the switch", promise: "P13", removed: "The script that puts back is on the disk before the switch is there.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/arm",
		old: `try sync "$q/revert.sh" "$q/confirmed" "$q/fired" "$q/boot" "$q" && `, new: "",
	},
	{
		name: "sync of its name", promise: "P13", removed: "The switch is on the disk before it is acknowledged.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/arm",
		old: `[ ! -e "$q" ] && try sync "$u"; }`, new: `[ ! -e "$q" ]; }`,
	},
	{
		name: "sync of its hour", promise: "P13", removed: "The hour at which it fires is on the disk before it is acknowledged.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/arm",
		old: `&& try sync "$r/.deadline" &&`, new: "&&",
	},
	{
		name: "machine without systemd", promise: "P13", removed: "A switch that would not survive a reboot is refused unless the inventory accepts it.",
		file: worker, pkg: "engine/sshnode", test: "TestArmRefuses/no_systemd",
		old: `[ "$weak" = weak ] ||`, new: ": ||",
	},
	{
		name: "switch that does not wait", promise: "P13", removed: "A switch is armed once something is seen to wait.",
		file: worker, pkg: "engine/sshnode", test: "TestArmRefuses/nothing_waits",
		old: `e="the switch does not begin to wait"; return 1;`, new: "return 0;",
	},
	{
		name: "switch that is armed again", promise: "P13", removed: "A switch that has fired is not armed again.",
		file: worker, pkg: "engine/sshnode", test: "TestFiredDoesNotLand",
		old: `|| { st=79 e="the switch of this run has fired"; return 1; }`, new: "|| :",
	},
	{
		name: "fired run that lands", promise: "P13", removed: "A run whose switch has fired does not land.",
		file: worker, pkg: "engine/sshnode", test: "TestFiredDoesNotLand",
		old: `[ "$2" != landed ] || { st=74 e=; return 1; }`, new: `[ "$2" != landed ] || :`,
	},
	{
		name: "outcome before the confirmation", promise: "P13", removed: "A run is confirmed before its outcome is on record.",
		file: worker, pkg: "engine/sshnode", test: "TestFiredDoesNotLand",
		old: `confirm "$3" "$4" && { [ "$plen" = 0 ] || note; } &&`, new: `{ [ "$plen" = 0 ] || note; } && confirm "$3" "$4" &&`,
	},
	{
		name: "sync of the confirmation", promise: "P13", removed: "The confirmation is on the disk before the outcome is.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/confirm",
		old: `"undo/$1/decision" && try sync "undo/$1"; }`, new: `"undo/$1/decision"; }`,
	},
	{
		name: "switches of other runs", promise: "P13", removed: "Whoever claims a node decides the switches of the other runs there.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/whoever_claims_the_node_answers_for_what_is_on_it",
		old: `|| others "$4"; } && st=0 e=done; fi`, new: "|| :; } && st=0 e=done; fi",
	},
	{
		name: "copies that stay", promise: "P13", removed: "The copies of a run that was rolled back are removed.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_switch_can_be_put_off,_and_is_gone_with_its_run",
		old: `try rm -rf "undo/$1";;`, new: ":;;",
	},
	{
		name: "decision that is made twice", promise: "P13", removed: "Of confirmed and fired the first stands.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/what_is_confirmed_does_not_fire",
		old: "  if [ ! -e \"$here/decision\" ]; then\n    [ \"$1\" != wait ] || due || { unlock; return; }\n    ln \"$here", new: "  if true; then\n    [ \"$1\" != wait ] || due || { unlock; return; }\n    ln -f \"$here",
	},
	{
		name: "hour that was put off", promise: "P13", removed: "A switch asks once more whether it is due when nobody else writes.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchWaitsItsTurn/put_off",
		old: `[ "$1" != wait ] || due || { unlock; return; }`, new: ":",
	},
	{
		name: "switch beside a write", promise: "P13", removed: "A switch does not fire while another process writes.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchWaitsItsTurn/fires",
		old: `until lock "$keep"; do`, new: "until :; do",
	},
	{
		name: "hour that cannot be read", promise: "P13", removed: "An hour that cannot be read has passed.",
		file: worker, pkg: "engine/sshnode", test: "TestDeadlineThatMakesNoSense",
		old: "  case $x in ''|*[!0-9]*) return 0;; esac\n", new: "",
	},
	{
		name: "sync of the decision", promise: "P13", removed: "The decision to fire is on the disk before anything is put back.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/fire",
		old: "\"$here/decision\"; sync \"$here\"\n", new: "\"$here/decision\"\n",
	},
	{
		name: "runner that wakes", promise: "P13", removed: "The claim of a run is void once its switch fires.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_switch_puts_everything_back",
		old: "  fence; st=0;", new: "  st=0;",
	},
	{
		name: "fence after putting back", promise: "P13", removed: "The claim of a run is void before anything is put back.",
		file: worker, pkg: "engine/sshnode", test: "TestSwitchOrder/fire",
		old: `fence; st=0; : >"$here/.reverted"; list; result`, new: `st=0; : >"$here/.reverted"; list; result; fence`,
	},
	{
		name: "switch over edits", promise: "P13", removed: "Only what is as the run left it is put back.",
		file: "engine/sshnode/switch.go", pkg: "engine/sshnode", test: "TestConformance/dash/a_switch_leaves_what_is_not_the_run's",
		old: `return "back " + quote(append([]string{w.copy}, w.words(labels)...)...) + "\n"`, new: "words := w.words(labels)\n\t\twords[3] = \"*\"\n\t\treturn \"back \" + quote(append([]string{w.copy}, words...)...) + \"\\n\"",
	},
	{
		name: "what was not put back", promise: "P13", removed: "What a switch could not put back is named.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_switch_leaves_what_is_not_the_run's",
		old: `  printf '%s\n' "$(clean "$last: $e")" >>"$here/.reverted"; }`, new: "  :; }",
	},
	{
		name: "same boot", promise: "P13", removed: "The unit for the next boot does nothing in the boot in which the switch was armed.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertAtBoot/dash",
		old: `[ "$x" = "$y" ] || fire boot;;`, new: "fire boot;;",
	},
	{
		name: "other boot", promise: "P13", removed: "What was not confirmed before a reboot is put back by the next boot.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertAtBoot/dash",
		old: `[ "$x" = "$y" ] || fire boot;;`, new: ":;;",
	},
	{
		name: "leftovers of a revert", promise: "P13", removed: "A revert clears away what one that was killed has left.",
		file: worker, pkg: "engine/sshnode", test: "TestRevertSweeps",
		old: "n=$(printf %024d $$) run=", new: "n=000000000000000000000000 run=",
	},
	{
		name: "run that was undone elsewhere", promise: "P11", removed: "A run that was rolled back with a copy of its journal does not go up again.",
		file: "engine/apply.go", pkg: "engine", test: "TestUndoneElsewhere",
		old: "o := l.last(r.ID); o.State == RolledBk {", new: "o := l.last(r.ID); false {",
	},
	{
		name: "rollback of what is open", promise: "P3", removed: "A run that is open may go down whatever its date says.",
		file: "engine/later.go", pkg: "engine", test: "TestMayUndo",
		old: "\tif r.Open() {\n\t\treturn nil //", new: "\tif false {\n\t\treturn nil //",
	},
}
