package sabotage

// worker is what the script is made of.
const worker = "engine/sshnode/*.sh"

// ofWorker are the steps of the script that writes on a node.
var ofWorker = []sabotage{
	{
		name: "expected content", promise: "P6", removed: "The script looks whether the file is still what was expected before it does anything.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/somebody_else's_folder_is_not_replaced",
		old: "*) st=77 e=$s; return;; esac", new: "esac",
	},
	{
		name: "expected content, last look", promise: "P6", removed: "It looks once more between the sync of the new file and its rename.",
		file: worker, pkg: "engine/sshnode", test: "TestSomebodyElse/edited_before_the_check",
		old: "case $s in $b) ;; *) st=77 e=$s; return 1;; esac; }", new: "}",
	},
	{
		name: "creation that replaces", promise: "P6", removed: "A file that must not be there yet is created by a link, which never replaces one.",
		file: worker, pkg: "engine/sshnode", test: "TestSomebodyElse/appeared_in_the_last_moment",
		old: `try ln -T "$t" "$f" && try rm -f "$t"`, new: `try ln -fT "$t" "$f" && try rm -f "$t"`,
	},
	{
		name: "removal without a look", promise: "P6", removed: "What is removed is set aside first and looked at there.",
		file: worker, pkg: "engine/sshnode", test: "TestSomebodyElse/edited_while_it_was_removed",
		old: `see "$g" && case $s in $b) case`, new: `see "$g" && case $b in $b) case`,
	},
	{
		name: "symbolic link on the way", promise: "P6", removed: "A directory that is reached through a symbolic link is refused.",
		file: worker, pkg: "engine/sshnode", test: "TestRefusals",
		old: `it is $(pwd -P)"; return 1; }`, new: `it is $(pwd -P)"; }`,
	},
	{
		name: "directory that everybody can write", promise: "P6", removed: "No directory on the way may be one in which everybody can rename.",
		file: worker, pkg: "engine/sshnode", test: "TestRefusals",
		old: `st=79 e="everybody can write a directory on the way: $q"; return 1;;`, new: ";;",
	},
	{
		name: "directory of somebody else", promise: "P6", removed: "Every directory on the way belongs to root or to the one who writes.",
		file: worker, pkg: "engine/sshnode", test: "TestFolderOfSomebodyElse",
		old: `*) st=79 e="a directory on the way belongs to somebody else: $q"; return 1;; esac; done`, new: "esac; done",
	},
	{
		name: "hard links", promise: "P3", removed: "A file with other hard links is not replaced.",
		file: worker, pkg: "engine/sshnode", test: "TestRefusals",
		old: `file*|copy*|drop*) st=79 e="has other hard links"; return;; esac`, new: "esac",
	},
	{
		name: "file capabilities", promise: "P3", removed: "A file whose capabilities would be lost is not replaced.",
		file: worker, pkg: "engine/sshnode", test: "TestCapabilities",
		old: `*security.capability*) e="has file capabilities, which a replacement would lose"; return 1;; esac`, new: "esac",
	},
	{
		name: "attributes", promise: "P3", removed: "The other attributes of a file are carried over.",
		file: worker, pkg: "engine/sshnode", test: "TestAttributes",
		old: `else [ -z "$cpa" ] || try cp $cpa "$f" "$t"; fi || return`, new: "fi || return",
	},
	{
		name: "visible temporary file", promise: "P7", removed: "What is not finished has a name with a dot, which the kubelet passes over.",
		file: worker, pkg: "engine/sshnode", test: "TestSshdReaders",
		old: "untemp; t=./.hcrun-$n-$$", new: "untemp; t=./hcrun-$n-$$",
	},
	{
		name: "copy onto the file", promise: "P7", removed: "A file is replaced by one rename.",
		file: worker, pkg: "engine/sshnode", test: "TestSshdReaders",
		old: `else try mv -fT "$t" "$f"; fi && t=; }`, new: `else try cp -p "$t" "$f" && rm -f "$t"; fi && t=; }`,
	},
	{
		name: "temporary file that was there", promise: "P7", removed: "The unfinished file is one that was not there before.",
		file: worker, pkg: "engine/sshnode", test: "TestLinkInPlaceOfTheTemp",
		old: `( set -C; : >"$t" )`, new: `( : >"$t" )`,
	},
	{
		name: "sync of the file", promise: "P8", removed: "The new file is on the disk before it gets its name.",
		file: worker, pkg: "engine/sshnode", test: "TestOrder/replace",
		old: `try sync "$t" || return`, new: ":",
	},
	{
		name: "sync of the directory", promise: "P8", removed: "The directory is on the disk before the write is acknowledged.",
		file: worker, pkg: "engine/sshnode", test: "TestOrder/replace",
		old: "try sync . || return", new: ":",
	},
	{
		name: "sync of what was there", promise: "P8", removed: "What an earlier worker wrote is synced before it is acknowledged.",
		file: worker, pkg: "engine/sshnode", test: "TestOrder/already",
		old: `|| try sync "$f" || return; try sync . && st=0 e=already`, new: "|| :; st=0 e=already",
	},
	{
		name: "look after the write", promise: "P9", removed: "The script acknowledges what it sees on the disk.",
		file: worker, pkg: "engine/sshnode", test: "TestSomebodyElse/edited_right_after",
		old: `see "$f" && case $s in $a) st=0 e=done;; *) e="it was changed again at once";; esac; }`, new: "st=0 e=done; }",
	},
	{
		name: "half a payload", promise: "P9", removed: "What was written is compared with what was sent.",
		file: worker, pkg: "engine/sshnode", test: "TestCut/put/dash",
		old: `*) e="what was written is not what was sent: $s"; return 1;; esac`, new: "esac",
	},
	{
		name: "half a claim", promise: "P9", removed: "A claim that did not arrive whole is none.",
		file: worker, pkg: "engine/sshnode", test: "TestCut/claim/dash",
		old: `[ $((x)) = "$1" ] ||`, new: ": ||",
	},
	{
		name: "token of a write", promise: "P11", removed: "Every write is compared with the claim on the node.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/who_has_lost_the_node_writes_nothing_more",
		old: `lock "$kept" && ours "$kept" "$tok"`, new: `lock "$kept"`,
	},
	{
		name: "token of a claim", promise: "P11", removed: "A claim replaces the one that was seen and no other.",
		file: worker, pkg: "engine/sshnode", test: "TestConformance/dash/a_node_that_is_held_cannot_be_claimed",
		old: `keep "$1" && ours . "$3"`, new: `keep "$1"`,
	},
	{
		name: "lock of a node", promise: "P11", removed: "One worker writes at a time.",
		file: worker, pkg: "engine/sshnode", test: "TestLockedRecord",
		old: "until flock -n 9; do", new: "until :; do",
	},
	{
		name: "record that others can read", promise: "P12", removed: "A node's record lies in a folder that only root can use.",
		file: worker, pkg: "engine/sshnode", test: "TestForeignRecord",
		old: `[ "$x" = "$me 700" ] ||`, new: ": ||",
	},
	{
		name: "missing tools", promise: "P9", removed: "A tool that does not do what it should is named before anything is asked.",
		file: worker, pkg: "engine/sshnode", test: "TestMissingTools",
		old: `lacks() { say 70 0 "$1"; exit 0; }`, new: "lacks() { :; }",
	},
	{
		name: "flood", promise: "P18", removed: "Of what a command prints only so much is taken.",
		file: worker, pkg: "engine/sshnode", test: "TestObserve/dash",
		old: `cap() { part "$1"; cat >/dev/null; }`, new: "cap() { cat; }",
	},
	{
		name: "temporary file that stays", promise: "P19", removed: "What was not finished is removed.",
		file: worker, pkg: "engine/sshnode", test: "TestSomebodyElse/edited_before_the_check",
		old: `untemp() { [ -z "$t" ] || rm -f "$t" || rmdir "$t"; t=; }`, new: "untemp() { t=; }",
	},
	{
		name: "what a dead worker left", promise: "P19", removed: "A later write clears away what a dead worker has left.",
		file: worker, pkg: "engine/sshnode", test: "TestSweep",
		old: "sweep; t=./.hcrun-$n-$$;", new: "t=./.hcrun-$n-$$;",
	},
	{
		name: "what a dead worker left in a run's folder", promise: "P19", removed: "A run that ends clears away what a dead worker has left where it wrote, though nothing more is written there.",
		file: worker, pkg: "engine/sshnode", test: "TestKilledInAPayload/undone",
		old: `{ /bin/sh "undo/$3/revert.sh" sweep 3<&- 4>&-; forget "$3" "$4"; }`, new: `forget "$3" "$4"`,
	},
	{
		name: "what a dead worker left in a folder that goes", promise: "P19", removed: "A folder is not taken for one that others have filled because a dead worker has left something in it.",
		file: worker, pkg: "engine/sshnode", test: "TestKilledInAPayload/its_folder_is_removed",
		old: `( enter "${d%/}/${f#./}" && sweep ); p=1; try rmdir`, new: "p=1; try rmdir",
	},
	{
		name: "what a living worker needs", promise: "P19", removed: "What a living worker is about to use is left alone.",
		file: worker, pkg: "engine/sshnode", test: "TestSweep",
		old: `grep -qs "$i" "/proc/$r/cmdline" && continue`, new: ":",
	},
}

// ofConnection are what is believed of the other side.
var ofConnection = []sabotage{
	{
		name: "answer of somebody else", promise: "P9", removed: "An answer carries the number that was made up for this worker.",
		file: "engine/sshnode/worker.go", pkg: "engine/sshnode", test: "TestForgedStream",
		old: `f[0] != "@"+w.nonce || `, new: "",
	},
	{
		name: "answer to something else", promise: "P9", removed: "An answer belongs to the request that was sent last.",
		file: "engine/sshnode/worker.go", pkg: "engine/sshnode", test: "TestForgedStream",
		old: ` || f[1] != itoa(w.seq)`, new: "",
	},
	{
		name: "answer that says nothing", promise: "P9", removed: "A yes is one of the words that the script has for it.",
		file: "engine/sshnode/put.go", pkg: "engine/sshnode", test: "TestForgedStream",
		old: `if r.text != "done" && r.text != "already" {`, new: "if false {",
	},
	{
		name: "hello that is not waited for", promise: "P9", removed: "Nothing is asked before the script has said that it is there.",
		file: "engine/sshnode/hello.go", pkg: "engine/sshnode", test: "TestMissingTools",
		old: "go io.WriteString(w.in, script)", new: "if true {\n\t\tgo io.WriteString(w.in, script)\n\t\treturn nil\n\t}",
	},
	{
		name: "setuid", promise: "P6", removed: "A setuid or setgid file is never written.",
		file: "engine/sshnode/put.go", pkg: "engine/sshnode", test: "TestPut/dash/setuid",
		old: "case i.Kind == engine.File && i.Mode&0o6000 != 0:", new: "case false:",
	},
	{
		name: "log that is replaced", promise: "P3", removed: "A file that others write to is never replaced.",
		file: "engine/sshnode/put.go", pkg: "engine/sshnode", test: "TestPut/dash/never_replaced",
		old: "case b.AnyContent:", new: "case false:",
	},
	{
		name: "commands on a real node", promise: "P4", removed: "The table of commands is asked before one is sent to a node.",
		file: "engine/sshnode/observe.go", pkg: "engine/sshnode", test: "TestConformance/dash/a_command_that_is_not_in_the_table_is_refused",
		old: "if err := engine.ReadOnly(argv); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "unknown host", promise: "P15", removed: "A host whose key nobody has confirmed is not connected to.",
		file: "engine/sshnode/hostkeys.go", pkg: "engine/sshnode", test: "TestDialErrors/unknown_host",
		old: "remote, key)\n\tif err == nil {", new: "remote, key)\n\tif err == nil || knownhosts.IsHostUnknown(err) {",
	},
	{
		name: "changed host key", promise: "P15", removed: "A host that shows another key than before is not connected to.",
		file: "engine/sshnode/hostkeys.go", pkg: "engine/sshnode", test: "TestDialErrors/changed_key",
		old: "remote, key)\n\tif err == nil {", new: "remote, key)\n\tif err == nil || knownhosts.IsHostKeyChanged(err) {",
	},
	{
		name: "what a terminal obeys", promise: "P17", removed: "What a node says is stripped of what a terminal would obey.",
		file: "engine/sshnode/quote.go", pkg: "engine/sshnode", test: "TestForeignRecord",
		old: "if !unicode.IsPrint(r) {", new: "if !unicode.IsPrint(r) && false {",
	},
	{
		name: "run that names a command", promise: "P17", removed: "The name of a run on a node is a name and nothing else.",
		file: "engine/sshnode/claim.go", pkg: "engine/sshnode", test: "TestForeignRecord",
		old: "!runPattern.MatchString(c.Run) || ", new: "",
	},
	{
		name: "answer without a bound", promise: "P18", removed: "An answer that announces more than was asked for is refused.",
		file: "engine/sshnode/worker.go", pkg: "engine/sshnode", test: "FuzzAnswer",
		old: "if err == nil && r.bytes > max {", new: "if false {",
	},
}
