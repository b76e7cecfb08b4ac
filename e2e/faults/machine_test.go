package faults

var ofRunner = []fault{
	{id: "R1", promise: "P2", what: "hcrun is killed, at any moment.", exit: "–→0, 21", tests: `
		engine: TestEveryCrash/single
		cmd/hcrun/cli: TestKill
		e2e/scenarios: killed at the manifest`},
	{id: "R2", promise: "P2", what: "The resume of a killed run is killed as well.", exit: "–→0, 21", tests: `
		engine: TestEveryCrash/double
		cmd/hcrun/cli: TestKill`},
	{id: "R3", promise: "P20", what: "Somebody presses Ctrl-C, once or twice.", exit: "130", tests: `
		cmd/hcrun/cli: TestCtrlC/once in a write
		cmd/hcrun/cli: TestCtrlC/twice in a write
		cmd/hcrun/cli: TestCtrlC/once in a wait
		cmd/hcrun/cli: TestCtrlC/twice in a wait
		engine: TestInterrupt`},
	{id: "R4", promise: "P20", what: "The terminal is closed while a run goes on.", exit: "130", tests: `
		cmd/hcrun/cli: TestTerminalCloses`},
	{id: "R5", promise: "P13", what: "hcrun is stopped for longer than the node waits, and then goes on.", exit: "24", tests: `
		engine: TestSwitchFires
		engine: TestSwitchCode`, but: "a stopped process with a real node; there the switch fires behind the back of one that runs"},
	{id: "R6", promise: "P13", what: "The laptop is suspended and wakes hours later.", exit: "24", gap: "not injected: no bed has a clock of the wall that jumps beside one that stands still"},
	{id: "R7", promise: "P2", what: "The machine runs out of memory.", exit: "–→0, 21", gap: "not injected: whoever is killed for it dies as in R1; that large files are not held in memory has tests of its own"},
	{id: "R9", promise: "P16", what: "A task, or hcrun itself, panics.", exit: "1, 21", tests: `
		engine: TestPanickingCheck
		cmd/hcrun/cli: TestPanic`},
	{id: "R10", promise: "P12", what: "The clock of this machine is a day ahead of the nodes'.", exit: "10", tests: `
		cmd/hcrun/cli: TestClocksThatDiffer`, but: "as much as a day: an hour"},
	{id: "R11", promise: "P12", what: "The clock of this machine went back behind what is on record.", exit: "10", tests: `
		engine: TestGuards/clock before a run`},
	{id: "R12", promise: "P12", what: "The clocks differ by just less, or just more, than is allowed.", exit: "0, 10", tests: `
		cmd/hcrun/cli: TestClocksThatDiffer`},
	{id: "R13", promise: "P12", what: "The clock of one node is wrong.", exit: "10", tests: `
		cmd/hcrun/cli: TestClocksThatDiffer`},
	{id: "R14", promise: "P12", what: "A window lies in the hour that a change to summer time skips.", exit: "10", tests: `
		engine: TestGuards/window in an hour that is not
		engine: TestFreezesAndRoom/too short in spring
		engine: TestClockMoves`},
	{id: "R15", promise: "P12", what: "An hour is there twice, and days have 23 or 25 of them.", exit: "10", tests: `
		engine: TestGuards/window in an hour that repeats, once
		engine: TestGuards/window in an hour that repeats, twice
		engine: TestClockMoves
		engine: TestAnySchedule`},
	{id: "R16", promise: "P11", what: "Two processes work from one state folder.", exit: "11", tests: `
		engine/journal: TestLock
		cmd/hcrun/cli: TestScripts/busy`},
	{id: "R17", promise: "P11", what: "Two operators work from folders of their own.", exit: "11", tests: `
		cmd/hcrun/cli: TestTwoOperators
		engine: TestHeldElsewhere
		engine: TestOthersBegan`},
	{id: "R18", promise: "P11", what: "One who sleeps loses the node to another, and wakes.", exit: "11", tests: `
		cmd/hcrun/cli: TestTwoOperators
		engine: TestFenced`},
	{id: "R19", promise: "P2", what: "hcrun is replaced by a newer version while a run is open.", exit: "0, 31", tests: `
		engine/journal: TestJournalsOfOldVersions
		engine/journal: TestGoldenJournals
		cmd/hcrun/cli: TestScripts/golden`, but: "the resume itself of a run that an older version left"},
	{id: "R20", promise: "P11", what: "Another person, on another machine, takes up a run.", exit: "0, 11, 31", tests: `
		cmd/hcrun/cli: TestTwoOperators
		engine/journal: TestGoldenSecretNeedsItsKey`},
	{id: "R22", promise: "P20", what: "There is no terminal, or a dumb or a narrow one.", exit: "25", tests: `
		cmd/hcrun/cli: TestScripts/usage
		cmd/hcrun/cli: TestScripts/rollback
		cmd/hcrun/cli: TestDumbTerminal
		cmd/hcrun/cli: TestWaitOnDumbTerminal`},
	{id: "R23", promise: "P14", what: "The state folder is a link, or others can write it.", exit: "50", tests: `
		engine/journal: TestAStateFolderThatOthersCanChangeIsRefused
		engine/journal: TestAStateFolderOfSomebodyElseIsRefused
		engine/journal: TestJournalFilesThatOthersCanChangeAreRefused`},
}

var ofJournal = []fault{
	{id: "J1", promise: "P14", what: "The last record was written in part.", exit: "0", tests: `
		engine/journal: TestCutAnywhereOnlyTheTornTailIsSetAside
		engine/journal: TestTornTailIsSetAsideDurablyBeforeItIsCut
		cmd/hcrun/cli: TestDamage`},
	{id: "J2", promise: "P14", what: "One bit of a journal is another.", exit: "31", tests: `
		engine/journal: TestEveryFlippedBitIsFound
		cmd/hcrun/cli: TestDamage`},
	{id: "J3", promise: "P14", what: "Whole records are gone from the end.", exit: "31", tests: `
		cmd/hcrun/cli: TestCutJournal
		engine/journal: TestHad`},
	{id: "J5", promise: "P14", what: "Records are swapped, or are there twice.", exit: "31", tests: `
		engine/journal: TestRecordsThatMovedAreFound
		cmd/hcrun/cli: TestDamage`},
	{id: "J6", promise: "P12", what: "The journal of an open run is deleted.", exit: "32", tests: `
		cmd/hcrun/cli: TestLostJournal`},
	{id: "J7", promise: "P1", what: "The disk is full when a record is written.", exit: "30", tests: `
		engine/journal: TestADiskThatFailsPoisonsTheJournal/full disk
		engine/journal: TestAFullDiskThatCannotBeCutBackLeavesATornTail
		engine: TestJournalFails`},
	{id: "J8", promise: "P1", what: "The disk reports an error once when a record is synced.", exit: "30", tests: `
		engine/journal: TestADiskThatFailsPoisonsTheJournal/fsync
		engine: TestJournalFails`},
	{id: "J9", promise: "P1", what: "The disk says that a record is durable, and it is not.", tests: `
		engine: TestLiarIsCaught`, but: "more than that the test's own checker notices; hcrun cannot"},
	{id: "J10", promise: "P1", what: "The state folder is read-only, or must not be written.", exit: "30", tests: `
		engine/journal: TestADiskThatFailsPoisonsTheJournal/blob: open
		engine/journal: TestADiskThatFailsPoisonsTheJournal/blob: rename
		engine/journal: TestAStateFolderThatCannotBeMade
		engine: TestJournalFails`},
	{id: "J11", promise: "P14", what: "The kept bytes of a file are gone or are others.", exit: "0, 21, 22, 31", tests: `
		engine: TestCopyOnTheNode
		cmd/hcrun/cli: TestRollbackFromTheNode/copies
		cmd/hcrun/cli: TestRollbackFromTheNode/altered copies
		engine: TestApplyEnds/blob lost
		engine: TestApplyEnds/blob lost, down
		engine/journal: TestBlobsAreVerifiedWhenTheyAreRead
		cmd/hcrun/cli: TestDamage`},
	{id: "J12", promise: "P14", what: "A newer version wrote the journal.", exit: "31", tests: `
		engine/journal: TestDamageIsNamed/a newer version
		engine/journal: TestDamageIsNamed/a newer torn tail`},
	{id: "J14", promise: "P18", what: "A journal has a hundred thousand records.", exit: "0", tests: `
		engine/journal: TestHundredThousandRecordsOpenQuickly`},
	{id: "J15", promise: "P12", what: "The times of its records go backwards.", exit: "10", tests: `
		engine: TestGuards/clock went back during a run`},
	{id: "J16", promise: "P14", what: "Somebody rewrites a journal with sums that fit.", exit: "31", tests: `
		engine/journal: TestHad`, but: "a whole command on such a journal, and one that is rewritten before the node's ledger has it"},
}
