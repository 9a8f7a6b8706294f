package main

// Between the language of the vectors and the wrapper: reading values, columns and trees, writing canonical JSON.
//
// 1. What is not in the language panics with a message; canonical JSON is what ../README.md says, to the byte.

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	stratum "stratum.dev/go"
)

func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for at := range len(text) {
		c := text[at]
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < 0x20:
			fmt.Fprintf(&out, "\\u%04x", c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

func number[T ~uint64](number T) string { return `"` + strconv.FormatUint(uint64(number), 10) + `"` }

func signed(number int64) string { return `"` + strconv.FormatInt(number, 10) + `"` }

func bits(number float64) string { return fmt.Sprintf(`"%016x"`, math.Float64bits(number)) }

func hexed(b []byte) string { return `"` + hex.EncodeToString(b) + `"` }

func list[T any](items []T, one func(T) string) string {
	texts := make([]string, len(items))
	for at, item := range items {
		texts[at] = one(item)
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func value(given any) string {
	named := func(kind, content string) string { return `{"` + kind + `":` + content + `}` }
	switch v := given.(type) {
	case nil:
		return named("null", "null")
	case bool:
		return named("bool", strconv.FormatBool(v))
	case int64:
		return named("int64", signed(v))
	case float64:
		return named("double", bits(v))
	case stratum.Decimal:
		return named("decimal", quote(string(v)))
	case string:
		return named("string", quote(v))
	case []byte:
		return named("bytes", hexed(v))
	case []int64:
		return named("int64_list", list(v, signed))
	case []float64:
		return named("double_list", list(v, bits))
	case []string:
		return named("string_list", list(v, quote))
	case stratum.StringMap:
		return named("string_map", list(v, func(pair stratum.StringPair) string {
			return "[" + quote(pair.Key) + "," + quote(pair.Value) + "]"
		}))
	case stratum.List:
		return named("list", list(v, value))
	case stratum.Map:
		return named("map", list(v, func(entry stratum.Entry) string {
			return "[" + quote(entry.Key) + "," + value(entry.Value) + "]"
		}))
	}
	panic(fmt.Sprintf("a type that this runner does not know: %T", given))
}

func columns(columns stratum.Columns) string {
	return list(columns, func(column stratum.Column) string {
		return "[" + quote(column.Name) + "," + value(column.Value) + "]"
	})
}

func input(input stratum.Input) string {
	output := "null"
	if input.HasOutput {
		output = value(input.Output)
	}
	return `{"id":` + number(input.ID) + `,"value":` + value(input.Value) + `,"columns":` + columns(input.Columns) +
		`,"output":` + output + `}`
}

func tree(tree *stratum.Tree) string {
	return `{"blob":` + hexed(tree.Blob) + `,"columns":` + columns(tree.Columns) + `,"inputs":` +
		list(tree.Inputs, input) + `}`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func unhex(json any) []byte { return must(hex.DecodeString(json.(string))) }

func unsigned(json any) uint64 { return must(strconv.ParseUint(json.(string), 10, 64)) }

func toInt64(json any) int64 { return must(strconv.ParseInt(json.(string), 10, 64)) }

func toFloat64(json any) float64 {
	return math.Float64frombits(must(strconv.ParseUint(json.(string), 16, 64)))
}

func toText(json any) string { return json.(string) }

func all[T any](json any, one func(any) T) []T {
	items := make([]T, 0)
	for _, item := range json.([]any) {
		items = append(items, one(item))
	}
	return items
}

func toValue(json any) any {
	object := json.(map[string]any)
	for kind, content := range object {
		switch kind {
		case "null":
			return nil
		case "bool":
			return content.(bool)
		case "int64":
			return toInt64(content)
		case "double":
			return toFloat64(content)
		case "decimal":
			return stratum.Decimal(toText(content))
		case "string":
			return toText(content)
		case "bytes":
			return unhex(content)
		case "int64_list":
			return all(content, toInt64)
		case "double_list":
			return all(content, toFloat64)
		case "string_list":
			return all(content, toText)
		case "string_map":
			return stratum.StringMap(all(content, func(pair any) stratum.StringPair {
				return stratum.StringPair{Key: toText(pair.([]any)[0]), Value: toText(pair.([]any)[1])}
			}))
		case "list":
			return stratum.List(all(content, toValue))
		case "map":
			return stratum.Map(all(content, func(pair any) stratum.Entry {
				return stratum.Entry{Key: toText(pair.([]any)[0]), Value: toValue(pair.([]any)[1])}
			}))
		case "nest":
			inner := toValue(content.([]any)[1])
			for range toInt64(content.([]any)[0]) {
				inner = stratum.List{inner}
			}
			return inner
		}
	}
	panic(fmt.Sprint("no value: ", json))
}

func toColumns(json any) stratum.Columns {
	if json == nil {
		return nil
	}
	return all(json, func(column any) stratum.Column {
		return stratum.Column{Name: toText(column.([]any)[0]), Value: toValue(column.([]any)[1])}
	})
}

func toTree(json any) *stratum.Tree {
	object := json.(map[string]any)
	tree := &stratum.Tree{Columns: toColumns(object["columns"])}
	if blob, ok := object["blob"]; ok {
		tree.Blob = unhex(blob)
	}
	if inputs, ok := object["inputs"]; ok {
		tree.Inputs = all(inputs, func(item any) stratum.Input {
			object := item.(map[string]any)
			input := stratum.Input{Value: toValue(object["value"]), Columns: toColumns(object["columns"])}
			if output := object["output"]; output != nil {
				input.Output, input.HasOutput = toValue(output), true
			}
			return input
		})
	}
	return tree
}
