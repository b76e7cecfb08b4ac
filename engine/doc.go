// Package engine is the model of a staged, reversible change and the one loop that carries it out. It
// imports only the standard library, prints nothing, and knows no kind of task.
//
// # Words
//
// A [Node] is a machine that can be watched; a [WritableNode] can also be changed. An [Image] is what
// is at one path of a node. A [Change] is a path with the image before and the image after; a step of
// a plan is some changes, or one check. A [Run] is one playbook on one node. It is never stored: it is
// what [Fold] makes of the events in its journal. Its cursor, [Run.Next], is the operation to do next;
// it goes up on apply and down on rollback.
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
// The other half of the argument is that the process never knows more than its journal. It applies each
// event to its own Run with the very function that folds the journal later, after the event is durable
// and never before; and it writes the contents that the journal kept, whatever has become of the files
// they were read from. A journal that cannot be written ends the run with code NotDurable, before
// anything else is sent to the node.
//
// A test kills the process at every append, keep, look and put, before and after its effect, and kills
// the process that takes over at every point as well; node and history end as if nothing had happened.
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
package engine
