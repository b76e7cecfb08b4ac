package engine

// StandsOn lists the runs among all, oldest first, that were built on what r left: later runs on the
// same node that changed a path of r and are not rolled back. They have to be undone before r.
func StandsOn(r *Run, all []*Run) []*Run {
	paths := map[string]bool{}
	for _, c := range Changes(r.Steps) {
		paths[c.At] = true
	}
	var later []*Run
	for _, o := range all {
		if o.ID == r.ID || o.Address != r.Address || !o.Began.After(r.Began) || o.FirstWrite.IsZero() || o.State == RolledBk {
			continue
		}
		for _, c := range Changes(o.Steps) {
			if paths[c.At] {
				later = append(later, o)
				break
			}
		}
	}
	return later
}
