module stratum.dev/go/bench

go 1.24

require (
	github.com/mattn/go-sqlite3 v1.14.32
	go.etcd.io/bbolt v1.4.3
	stratum.dev/go v0.0.0
)

require golang.org/x/sys v0.29.0 // indirect

replace stratum.dev/go => ../
