package sabotage

const intro = `<!-- Written by: go test ./sabotage -run TestTable -update, in e2e/ -->
# What is noticed when it is removed

A test that passes says little about a safety step: it may pass without it as well. So each row below takes one step
out of a copy of the code that only the compiler sees, and runs the test that has to fail then. A build that breaks, a
panic or a timeout does not count: the named test itself has to fail.

` + "```sh" + `
cd e2e && go test -count=1 -v ./sabotage
` + "```" + `

It needs what the tests of the product need: root, OpenSSH's server, and a kernel that allows namespaces. A row whose
text is no longer found in the code is an error, so that no row goes on about code that is gone.

| | what is promised |
|---|---|
`

const middle = `
| what is removed | promise | caught by |
|---|---|---|
`

// order is that of the page.
var order = []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P15", "P16", "P17", "P18", "P19", "P20"}

// promises is what each is about, in a few words.
var promises = map[string]string{
	"P1":  "what is about to be written is on record before it is written",
	"P2":  "a run that was killed ends as one that was not",
	"P3":  "a rollback brings back exactly what was there, last change first",
	"P4":  "a plan, and whatever only looks, writes nothing",
	"P5":  "what is done is what the plan has shown",
	"P6":  "a file that somebody else has changed is not overwritten",
	"P7":  "who reads a file sees the old one or the new one",
	"P8":  "what was acknowledged survives a power cut",
	"P9":  "only an answer that can be vouched for counts as a yes",
	"P10": "a check proves something about this change, on this node",
	"P11": "one node at a time is changed and not verified, whoever works",
	"P12": "guards hold, and are opened only on record",
	"P13": "the node undoes by itself what nobody confirms, and what it has undone is no success",
	"P14": "a journal that was changed is not believed",
	"P15": "only the machine that is meant is written to",
	"P16": "secrets stay where they belong",
	"P17": "what nodes and servers say is data and nothing else",
	"P18": "nothing is waited for or read without a bound",
	"P19": "nothing is left behind",
	"P20": "the exit status says what is true",
}
