package faults

const intro = `<!-- Written by: go test ./faults -run TestTable -update, in e2e/ -->
# What can go wrong

Each row is one thing that goes wrong, with a number that it keeps; a number that is missing was given up. "exit" is the
status with which hcrun ends then; a row without one is about a process that dies, or about something that holds
whatever the status. The last column names the tests that make it happen, on purpose, and look at what comes of it. Where there
is none, it says why; where they show only part of it, what is left.

%d faults, %d with tests; of these %d are shown in part.

` + "`23→0`" + ` is a status and that of the ` + "`hcrun resume`" + ` that follows. A name in quotes is a row of the table in
[e2e/scenarios](../e2e/README.md), which is played on the lab that hcrun brings along and on real components. That each
test named here exists is tested. [sabotage.md](sabotage.md) says what the promises P1 to P20 are, and which test fails
when a safety step is taken out; P13 is the [dead-man's switch](switch.md).
`

// promises that a fault may belong to.
var promises = map[string]string{
	"P1": "write-ahead", "P2": "crash equivalence", "P3": "exact restore", "P4": "plan never writes", "P5": "plan is the contract",
	"P6": "compare and swap", "P7": "reader atomicity", "P8": "power cut", "P9": "positive acknowledgement", "P10": "honest verification",
	"P11": "one unverified node", "P12": "guards hold", "P13": "dead-man's switch", "P14": "tamper evidence", "P15": "right host",
	"P16": "no secret bytes", "P17": "data stays data", "P18": "bounded", "P19": "no residue", "P20": "the exit tells the truth",
}
