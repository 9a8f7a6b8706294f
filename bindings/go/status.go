package stratum

// #include "shim.h"
import "C"

import (
	"syscall"
	"unsafe"
)

// Status says how a call ended. A Status is an error, so that errors.Is(err, stratum.ErrNotFound) works for every error
// of this package, with or without a message.
type Status int32

// What a call can answer. The comment of each in stratum.h says more.
const (
	// ErrNotFound: the document, input, output or column is not there.
	ErrNotFound Status = C.STRATUM_NOT_FOUND
	// ErrInvalidArgument: an argument can never be right.
	ErrInvalidArgument Status = C.STRATUM_INVALID_ARGUMENT
	// ErrInvalidHandle: no handle of this type; not seen through this package.
	ErrInvalidHandle Status = C.STRATUM_INVALID_HANDLE
	// ErrClosed: the object was closed, or its store was.
	ErrClosed Status = C.STRATUM_CLOSED
	// ErrBusy: the batch or cursor is in use by another goroutine right now, or the call is not allowed in a callback.
	ErrBusy Status = C.STRATUM_BUSY
	// ErrBufferTooSmall: the caller's buffer cannot hold the answer.
	ErrBufferTooSmall Status = C.STRATUM_BUFFER_TOO_SMALL
	// ErrTooLarge: over a limit; nothing was written.
	ErrTooLarge Status = C.STRATUM_TOO_LARGE
	// ErrTooManyHandles: as many handles are open as there can be.
	ErrTooManyHandles Status = C.STRATUM_TOO_MANY_HANDLES
	// ErrNoMemory: the system refused memory; nothing was changed.
	ErrNoMemory Status = C.STRATUM_NO_MEMORY
	// ErrCorruption: stored bytes do not check out.
	ErrCorruption Status = C.STRATUM_CORRUPTION
	// ErrIO: the operating system refused an operation; the error also matches its syscall.Errno.
	ErrIO Status = C.STRATUM_IO
	// ErrNoSpace: the disk is full; nothing was changed.
	ErrNoSpace Status = C.STRATUM_NO_SPACE
	// ErrLocked: the store is open elsewhere.
	ErrLocked Status = C.STRATUM_LOCKED
	// ErrNotAStore: the directory holds something that is not a store.
	ErrNotAStore Status = C.STRATUM_NOT_A_STORE
	// ErrNewerFormat: a newer version wrote this.
	ErrNewerFormat Status = C.STRATUM_NEWER_FORMAT
	// ErrOpenRefused: there is no store and NoCreate is on, or there is one and Exclusive is on.
	ErrOpenRefused Status = C.STRATUM_OPEN_REFUSED
	// ErrCommitUnknown: a sync failed; reopening the store tells whether this commit is in it.
	ErrCommitUnknown Status = C.STRATUM_COMMIT_UNKNOWN
	// ErrPoisoned: an earlier sync failed; writes are refused until the store is reopened.
	ErrPoisoned Status = C.STRATUM_POISONED
	// ErrSnapshotTooOld: the snapshot held more than MaxRetainedBytes and was given up.
	ErrSnapshotTooOld Status = C.STRATUM_SNAPSHOT_TOO_OLD
	// ErrForked: this process is a fork of the one that opened the store.
	ErrForked Status = C.STRATUM_FORKED
	// ErrPanic: the library failed in itself.
	ErrPanic Status = C.STRATUM_PANIC
)

// String is the status's name in stratum.h, "STRATUM_LOCKED" for example.
func (s Status) String() string { return C.GoString(C.stratum_status_name(C.int32_t(s))) }

// Error is the status in words.
func (s Status) Error() string {
	if s == ErrNotFound {
		return "stratum: not found"
	}
	return "stratum: " + s.String()
}

// Error is a failure with all that the library says of it. errors.Is finds its Status and its system error number in
// it; errors.As finds the Error itself.
type Error struct {
	// Status is the kind of failure.
	Status Status
	// Message says what happened, to which file or id, and what to do.
	Message string
	// Errno is the system's error number, 0 where there is none.
	Errno syscall.Errno
}

// Error is the message.
func (e *Error) Error() string { return "stratum: " + e.Message }

// Unwrap gives the status, and the system's error number where there is one.
func (e *Error) Unwrap() []error {
	if e.Errno == 0 {
		return []error{e.Status}
	}
	return []error{e.Status, e.Errno}
}

// Version is the version of the library, "0.1.0" for example.
func Version() string { return C.GoString(C.stratum_version()) }

// failure makes an error of what a call answered, and frees the library's.
func failure(status C.int32_t, handle C.uintptr_t) error {
	if status == C.STRATUM_OK {
		return nil
	}
	if handle == 0 {
		return Status(status)
	}
	err := &Error{
		Status:  Status(status),
		Message: C.GoString(C.shim_error_message(handle)),
		Errno:   syscall.Errno(C.shim_error_errno(handle)),
	}
	C.shim_error_free(handle)
	return err
}

// refused is a failure that this package finds itself.
func refused(status Status, message string) error { return &Error{Status: status, Message: message} }

// bytesOf and textOf lend memory to a call: pointers to memory without pointers, which cgo need not look through.
func bytesOf(b []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.SliceData(b)), C.size_t(len(b))
}

func textOf(s string) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.StringData(s)), C.size_t(len(s))
}
