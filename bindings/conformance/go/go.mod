module stratum.dev/go/conformance

go 1.24

require stratum.dev/go v0.0.0

replace stratum.dev/go => ../../go
