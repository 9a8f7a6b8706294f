//go:build stratum_system

package stratum

// The installed library, as pkg-config knows it.

// #cgo pkg-config: stratum
import "C"
