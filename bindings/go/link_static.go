//go:build !stratum_system

package stratum

// The static library and its header, where build-lib.sh puts them.

// #cgo CFLAGS: -I${SRCDIR}/lib
// #cgo LDFLAGS: ${SRCDIR}/lib/libstratum.a -lm
// #cgo linux LDFLAGS: -lgcc_s -lutil -lrt -lpthread -ldl -lc
import "C"
