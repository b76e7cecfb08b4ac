// Package journal keeps runs on disk: one run is one file of hash-chained JSON lines and the blobs
// that they name.
//
//	STATE/                  0700, nobody else may write it
//	  lock                  flock; never deleted; says who holds it
//	  runs/
//	    ID.jsonl            one record a line, 0600
//	    ID.blobs/SHA256     contents, written before the record that names them
//	    ID.torn-N           what a crash left behind the last whole record, set aside
//
// A record is
//
//	{"v":1,"seq":7,"prev":"<sum of record 6>","event":{...},"sum":"<SHA-256>"}
//
// where sum is over the very bytes of the line before `,"sum":`, prev among them. So a changed bit, or
// a dropped, swapped or repeated record is found. What a chain cannot show is whole records missing
// from the end, or a file rewritten by somebody who computes the sums anew: for that, compare the head
// (Journal.Head, Report.Head) with one that was noted elsewhere.
//
// # Why what was acknowledged survives a power cut
//
// Create makes the file, syncs it, and syncs the folder, before it returns. Append writes a whole line
// with one write at the end of the last good record and returns after fsync. Keep writes a blob under
// another name, syncs it, renames it and syncs its folder; the record that names it comes later. A
// write or fsync that fails poisons the journal: the kernel may have dropped the pages, so that a
// second fsync would lie. The file is cut back to the last good record and nothing is accepted any
// more; the caller must not touch a node again.
//
// A process that died inside Append may leave part of a line: its beginning, or pages of it in any order,
// its newline among them, and zeros where the others belong. Continue sets that aside when it is the last
// line, and only that: it was never acknowledged. Whatever else does not verify is refused. A whole line may
// be there that was never synced; Continue syncs the file before it returns, so that nobody acts on a record
// which a power cut would take back.
//
// # Parcels
//
// Export writes a run as one file, a tar archive of plain files:
//
//	manifest.json         {"format":1,"run":"ID","files":[{"name":...,"size":...,"sha256":...}],"sum":...}
//	journal.jsonl         up to the last whole record
//	blobs/SHA256[.age]    by name; those that a record names, and no others
//	seal.key              only when asked for: the keys that open the sealed ones
//
// There is one way to write each byte of it, so that ReadParcel need not judge what an archive can hold: it compares.
// Import writes the key, the contents and then the journal, which gets its name last.
package journal
