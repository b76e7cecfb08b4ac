// Package splice edits YAML by splicing text into it: every byte outside an edit stays as it was,
// comments, order, quoting, indentation and line ends among them. It is pure: bytes in, bytes out.
//
// No encoder keeps a file that a person has touched, so nothing is ever re-encoded. The positions of
// what is edited come from the nodes of yaml.v3; what the kubelet would read comes from
// sigs.k8s.io/yaml, strictly. The second is the judge of the first: each operation is also applied to
// the decoded object, and unless the spliced text decodes to exactly that object, the operation is
// refused. What cannot be edited faithfully is refused with its line, and never repaired quietly.
package splice

// MaxSize is the largest file in bytes that is edited; the kubelet reads no larger manifest.
const MaxSize = 10 << 20
