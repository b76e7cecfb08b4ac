package engine

import (
	"errors"
	"fmt"
)

// Code is the exit status of the command line. The numbers are stable.
type Code int

// The codes.
const (
	Done           Code = 0
	Bug            Code = 1
	Invalid        Code = 2  // usage, or an invalid playbook or inventory
	Pending        Code = 3  // --plan --detailed-exitcode: there is something to change
	Held           Code = 10 // a guard or gate refused
	Locked         Code = 11
	InputsChanged  Code = 12 // the playbook, its files or variables changed between two nodes
	Stale          Code = 13 // the node is no longer what the plan saw
	Conflict       Code = 20 // somebody else changed a file during the run
	RolledBack     Code = 21 // verification failed, rolled back and verified
	Incomplete     Code = 22 // rollback incomplete
	Unknown        Code = 23 // outcome unknown
	Fired          Code = 24 // the node's dead-man's switch has undone the run
	Operator       Code = 25 // needs the operator
	NotDurable     Code = 30 // the journal cannot be written
	Corrupt        Code = 31 // the journal is damaged or of an unknown version
	JournalMissing Code = 32
	Identity       Code = 40 // unknown or changed host key, or another machine
	Unreachable    Code = 41 // before any change
	Preflight      Code = 42 // the node cannot do it
	Busy           Code = 43
	Security       Code = 50
	CannotVerify   Code = 60 // a verifier cannot answer, asked before the first write
	Interrupted    Code = 130
)

// Problem is an error made for the person who reads it.
type Problem struct {
	Code Code
	What string // what was being done and what is in the way, one or more lines
	Now  string // what is true on the node now, "" where nothing was touched
	Next string // the command to type next, "" where the message says what to change
	Err  error  // the cause, for errors.Is; it is not printed
}

func (p *Problem) Error() string { return p.What }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Problemf makes a Problem; %w keeps a cause.
func Problemf(code Code, format string, args ...any) *Problem {
	err := fmt.Errorf(format, args...)
	return &Problem{Code: code, What: err.Error(), Err: errors.Unwrap(err)}
}

// CodeOf is the exit code of an error: that of the Problem in it, else Bug; 0 for nil.
func CodeOf(err error) Code {
	if err == nil {
		return Done
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return Bug
}
