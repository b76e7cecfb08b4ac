package sabotage

// ofMachines are what holds that a run has the machine that it is for.
var ofMachines = []sabotage{
	{
		name: "machine of a run", promise: "P15", removed: "A run is not carried on another machine than the one that it is for.",
		file: "engine/machine.go", pkg: "engine", test: "TestAnotherMachine/rollback_of_a_landed_run",
		old: `if is == "" || r.Machine == "" || is == r.Machine {`, new: "if true {",
	},
	{
		name: "machine of the plan", promise: "P15", removed: "A run is not begun on another machine than the one that its plan was made on.",
		file: "engine/apply.go", pkg: "engine", test: "TestAnotherMachineThanPlanned",
		old: "errors.AsType[*Problem](r.SameMachine(n))", new: "errors.AsType[*Problem](error(nil))",
	},
	{
		name: "machine of a run that is resumed", promise: "P15", removed: "Nothing is recorded of a run that another machine answers for.",
		file: "engine/apply.go", pkg: "engine", test: "TestAnotherMachine/resume",
		old: "if err := r.SameMachine(n); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "machine of a run that is rolled back", promise: "P15", removed: "A run is undone on the machine that it has changed.",
		file: "engine/rollback.go", pkg: "engine", test: "TestAnotherMachine/rollback",
		old: "if err := r.SameMachine(n); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "machine that is taken over", promise: "P15", removed: "Another machine than the run's is not claimed for it.",
		file: "engine/claim.go", pkg: "engine", test: "TestAnotherMachine/takeover",
		old: "if err := r.SameMachine(n); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "machine that is given up", promise: "P15", removed: "Giving a run up leaves another machine in its place alone.",
		file: "engine/claim.go", pkg: "engine", test: "TestAbandonBesideAnotherMachine",
		old: "n != nil && r.SameMachine(n) == nil", new: "n != nil",
	},
	{
		name: "machine of the newest run", promise: "P15", removed: "A name that leads to another machine than in its newest run is held.",
		file: "engine/machine.go", pkg: "engine", test: "TestMoved/another",
		old: `if machine == "" || machine == is.Machine {`, new: "if true {",
	},
	{
		name: "record of another machine", promise: "P15", removed: "A node's own record that is another machine's holds it.",
		file: "engine/machine.go", pkg: "engine", test: "TestMoved/a_record_that_was_copied",
		old: `if machine == "" && o.Machine != "" {`, new: "if false {",
	},
	{
		name: "two names", promise: "P15", removed: "Two names of one machine are told from two machines.",
		file: "engine/machine.go", pkg: "engine", test: "TestTwins/one_machine",
		old: "case m.apart(o):", new: "case true:",
	},
	{
		name: "two keys of one machine", promise: "P15", removed: "Two host keys of one server are not taken for two machines.",
		file: "engine/machine.go", pkg: "engine", test: "TestTwins/keys_of_two_types",
		old: `return a != "" && a == b && `, new: `return a != "" && b != "" && `,
	},
	{
		name: "name that moved", promise: "P15", removed: "Every node of the group is compared with what is on record for its name.",
		file: "cmd/hcrun/cli/evidence.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: "append(holds, moved...)", new: "append(holds, moved[:0]...)",
	},
	{
		name: "name that moved, nothing to change", promise: "P15", removed: "Another machine that has all in place already is held as well.",
		file: "cmd/hcrun/cli/node.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: "g == engine.GuardClock || g == engine.GuardMachine", new: "g == engine.GuardClock",
	},
	{
		name: "machine on record", promise: "P15", removed: "A run has on record which machine it is for.",
		file: "cmd/hcrun/cli/node.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: "Machine: it.machine,", new: "",
	},
	{
		name: "machine of a plan file", promise: "P15", removed: "A plan file is for the machine that it was made on.",
		file: "cmd/hcrun/cli/machines.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: `if it.machine == "" || is.Machine == "" || it.machine == is.Machine {`, new: "if true {",
	},
	{
		name: "switch of another machine", promise: "P15", removed: "What another machine says of its switches is not the run's.",
		file: "cmd/hcrun/cli/switchof.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: "if err := r.SameMachine(n); err != nil {", new: "if err := error(nil); err != nil {",
	},
	{
		name: "doctor of another machine", promise: "P15", removed: "Doctor finds a name that leads to another machine.",
		file: "cmd/hcrun/cli/machines.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachine",
		old: "case len(moved) > 0:", new: "case false:",
	},
	{
		name: "node of a recorded run", promise: "P15", removed: "Another machine counts as a node that cannot be reached.",
		file: "cmd/hcrun/cli/resume.go", pkg: "cmd/hcrun/cli", test: "TestAnotherMachineUnderARun",
		old: "err = r.SameMachine(n)", new: "err = nil",
	},
	{
		name: "two names of a group", promise: "P15", removed: "One machine under two names of a group is refused.",
		file: "cmd/hcrun/cli/evidence.go", pkg: "cmd/hcrun/cli", test: "TestTwoNames",
		old: "ro.apart(machines)", new: "error(nil)",
	},
	{
		name: "two names, nothing to change", promise: "P15", removed: "What is in place under a second name is not a second node.",
		file: "cmd/hcrun/cli/machines.go", pkg: "cmd/hcrun/cli", test: "TestTwoNames",
		old: `if was == "" || was != is.Machine {`, new: "if true {",
	},
	{
		name: "doctor of two names", promise: "P15", removed: "Doctor finds two names of one machine in the way.",
		file: "cmd/hcrun/cli/machines.go", pkg: "cmd/hcrun/cli", test: "TestTwoNames",
		old: "f.Level, f.code = inTheWay, p.Code", new: "f.code = p.Code",
	},
	{
		name: "machine-id that is told", promise: "P16", removed: "A machine-id does not leave its machine.",
		file: worker, pkg: "engine/sshnode", test: "TestMachineIDStaysThere",
		old: "[ ${#x} != 32 ] || m=", new: `[ ${#x} != 32 ] || say 0 0 "$x"; [ ${#x} != 32 ] || m=`,
	},
	{
		name: "machine-id of zeros", promise: "P15", removed: "A machine-id that many machines may have says nothing.",
		file: worker, pkg: "engine/sshnode", test: "TestMachine/dash/zeros",
		old: "*[!0]*) [ ${#x} != 32 ]", new: "*) [ ${#x} != 32 ]",
	},
	{
		name: "machine-id that is cut", promise: "P15", removed: "A machine-id that is not whole says nothing.",
		file: worker, pkg: "engine/sshnode", test: "TestMachine/dash/too_short",
		old: "[ ${#x} != 32 ] || m=", new: "m=",
	},
	{
		name: "answer of a machine", promise: "P17", removed: "How a node says which machine it is has a fixed form.",
		file: "engine/sshnode/hello.go", pkg: "engine/sshnode", test: "TestForgedMachine",
		old: " && machinePattern.MatchString(words[4])", new: "",
	},
	{
		name: "machine in a ledger", promise: "P17", removed: "So has a machine that a node has on record.",
		file: "engine/sshnode/claim.go", pkg: "engine/sshnode", test: "TestForeignRecord",
		old: ` || o.Machine != "" && !machinePattern.MatchString(o.Machine)`, new: "",
	},
}
