// Package engine is the model of a staged, reversible change and the one loop that carries it out. It
// imports only the standard library, prints nothing, and knows no kind of task.
//
// # Words
//
// A [Node] is a machine that can be watched. One that is [Claimable] can be claimed for a run, which makes
// it a [WritableNode]: that can also be changed. An [Image] is what is at one path of a node. A [Change] is
// a path with the image before and the image after; a step of a plan is some changes, or one check. A
// [Run] is one playbook on one node. It is never stored: it is what [Fold] makes of the events in its
// journal. Its cursor, [Run.Next], is the operation to do next; it goes up on apply and down on rollback.
//
// Tasks do not write. A [Changer] says what should stand where, a [Checker] says whether something is
// true; what they are given cannot be written to. The engine alone writes, in one place, settle.
//
// # Why a crash at any moment is safe
//
// Before the first write, the event "planned" is durable in the journal, and with it the bytes of every
// before- and after-image. Before each write, the event "intent" is durable. Before the next operation
// begins, the event "settled" of this one is. Therefore, whenever the process dies, and whatever the
// network loses:
//
//   - what is below the cursor stands as its after-image,
//   - what is above the cursor stands as its before-image,
//   - what is at the cursor may be either, and nothing else may.
//
// Nothing needs to be remembered about that one operation, because looking decides it:
//
//	look at the path
//	  is it the after-image?    it is done, perhaps by a process that died before it could say so
//	  is it the before-image?   make the intent durable, put the after-image, look again
//	  is it neither?            somebody else changed it; stop, and overwrite nothing
//
// Apply, resume and rollback all come through these lines; going down, the change is its inverse. The
// node compares again under its own lock when it swaps (see [WritableNode]), so that a look grown old
// cannot do harm. What a check needs to know of the time before the change, its [Mark], is an event
// too, older than the first intent: a check that is asked again by another process is anchored where
// the first was. A failed check is on record, and its evidence before it, before the run turns round:
// whoever takes it up turns it round as well. Going down, the checks marked on_rollback get marks of
// their own, taken before the inverse of the change they stood behind and asked right after it.
//
// Only one process writes. A run claims its node before its first write, every write carries the claim's
// token, and the node compares it under its lock: a process that slept while another took the node over is
// refused. How a run ended is in the node's own ledger before it is in its journal, so that no other run
// begins on a node whose outcome only one machine knows.
//
// The other half of the argument is that the process never knows more than its journal. It applies each
// event to its own Run with the very function that folds the journal later, after the event is durable
// and never before; and it writes the contents that the journal kept, whatever has become of the files
// they were read from. A journal that cannot be written ends the run with code NotDurable, before
// anything else is sent to the node.
//
// A test kills the process at every append, keep, look and put, before and after its effect, and kills
// the process that takes over at every point as well; node and history end as if nothing had happened.
//
// # Commands
//
// What is not the content of a path goes the same way: its place is a [Probe], and looking is asking it. A
// command may have come half way, and what a probe says may wait for a file of an earlier step, so going up anything
// but the after-image is a reason to run it, and going down anything but what was there before is one to run its
// undo; what was there is asked again at the end, of all places together. Before the first write the before-image counts as that of
// a file does. Where no probe tells, the record does: an intent without its settled is then a doubt that only a person can
// end (code Operator, [Engine.Decide]), unless the command may run again.
//
// # What does not follow from it
//
// A directory or a log that others have filled is not removed: it is left and reported, in
// [Run.LeftPaths]. A check that fails in a run that has written nothing has nothing to roll back: the
// run ends [Untouched], and says so. A file that somebody edits between two operations is never
// overwritten: going up the run pauses (code Conflict), going down it stops [Unfinished] (code
// Incomplete), with both hashes in the message, until a person has put the file right.
//
// # Stopping
//
// The end of the context that Apply, Resume or Rollback was given is a soft stop: writes, which have
// deadlines of their own, finish; waits end at once; the pause is recorded. Everything else, down to
// the loss of power, is covered by the argument above.
//
// # Writing a kind of task
//
// A kind is a struct whose exported fields carry hcl and json tags of one name and a comment each, a method
// Kind, and the methods of exactly one of [Changer] and [Checker]. An entry [Kind] lists it: its New returns
// a pointer to a new struct, its Source is the text of the Go file (go:embed), whose comments are the
// documentation that people read. Fields are of the types string, bool, *bool, int, int64, float64, [Mode],
// [Duration], []string, map[string]string, map[string]any, []map[string]any and any, or structs and slices
// of structs for blocks.
//
// A task that reads local files, or that can tell from its fields alone that it will not work, is a
// [Preparer] too. What Prepare says is shown at the playbook's line, before any connection; an error that
// is about one field is a [*FieldError], and several are joined with errors.Join.
//
// # Changers
//
// Plan says what should stand at which paths. It is a function of the task's fields, of what Prepare read,
// and of what look shows, and of nothing else: no clock, no randomness, no network, no files of the machine
// that hcrun runs on, nothing kept from one call for the next. It is called as often as it takes:
//
//   - Look at every path that the answer depends on, and at the folder of a path that may have to be made,
//     in one call where that is possible. When look returns an error, return that error as it is. Most
//     often it is [ErrLater]: the path is fetched, together with those that the other steps asked
//     for, and Plan is called again.
//   - What look shows already contains what the earlier steps of the playbook will leave. Do not ask
//     whether an earlier step has been carried out: none has.
//   - Before of a [Change] is the [Image] that look returned, After is the whole of what should be there:
//     kind, mode, owner and content. Take over from Before what the playbook does not say. A path that is
//     as it should be is left out; one path stands in at most one change of a step.
//   - Links, devices, pipes and sockets are neither followed nor replaced; the engine refuses them.
//   - A file that others go on writing has AnyContent set, in Before as well; a file that is there only to
//     fall back on is a [Precaution].
//   - What cannot be done is a [*Problem] with code Preflight, or Security where it would be unsafe. Any
//     other error counts as Preflight.
//
// There is nothing to undo a change with, because nothing is needed: the engine swaps Before and After.
//
// # Checkers
//
// A check runs in two halves, and perhaps in two processes. Mark runs before the first write of the run: it
// asks everything that Check will have to ask, once, so that what cannot answer is known while nothing has
// been touched, and it remembers what "new" will have to mean, as JSON: an offset, an id, a time of the
// node's own clock. Check gets that mark, perhaps in another process, on a task rebuilt from its
// exported fields; nothing else of the task is left by then. Neither can write: a [Watch] has a [Node], the
// [Clock] and Say. All waiting is w.Sleep and w.Stopwatch, and every wait has a deadline, so that a lab can
// shorten it and a Ctrl-C ends it.
//
// What Mark and Check return decides what becomes of the run:
//
//	nil             proven; of Mark: ready
//	ErrNotNeeded    of Mark: there is nothing to check in this run
//	*Failed         of Check: disproven, or not proven by the deadline; the run is undone
//	*Unavailable    nobody could answer: of Mark, the run does not start (code CannotVerify); of Check, it
//	                is undone
//	*Problem        of Mark: the run does not start (code Preflight, Security)
//	what the node or ctx returned, as it came
//	                the node was away, or somebody stopped the run: neither proven nor disproven
//	any other error counts as a refusal of Mark, and as Failed of Check
//
// Why is one sentence with what was expected and what was seen, Hint what to look at. Evidence that will be
// gone in a minute belongs into Failed; a check that can gather some whichever check failed is a [Witness].
// With Watch.Undoing set the change is being undone, so that what was there before is what is expected.
//
// # Holding a kind to all that
//
// enginetest.TestKind runs a kind through everything above, with a crash at every point of a run. The folder
// docs/team of the repository is a module with two kinds, their tests and the binary that has them.
package engine
