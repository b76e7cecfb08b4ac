package sabotage

import "slices"

// The table, by the rooms of the product.
var table = slices.Concat(ofEngine, ofGuards, ofClaim, ofWorker, ofSwitch, ofExec, ofConnection, ofMachines, ofJournal, ofCommands, ofChecks)
