module stratum.dev/go/judge

go 1.24

require stratum.dev/go v0.0.0

require go.yaml.in/yaml/v3 v3.0.6

replace stratum.dev/go => ../../../bindings/go
