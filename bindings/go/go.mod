module stratum.dev/go

go 1.24
