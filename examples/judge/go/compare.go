package main

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// rules are how outputs are compared; ../README.md has them in words.
type rules struct {
	caseSensitive, spaceSensitive bool
	absolute, relative            float64 // below 0: no tolerance
}

func rulesOf(flags []string) rules {
	r := rules{absolute: -1, relative: -1}
	for at, flag := range flags {
		switch flag {
		case "case_sensitive":
			r.caseSensitive = true
		case "space_change_sensitive":
			r.spaceSensitive = true
		}
		if at+1 == len(flags) {
			break
		}
		tolerance, isNumber := numberIn([]byte(flags[at+1]))
		if !isNumber {
			continue
		}
		if flag == "float_tolerance" || flag == "float_absolute_tolerance" {
			r.absolute = tolerance
		}
		if flag == "float_tolerance" || flag == "float_relative_tolerance" {
			r.relative = tolerance
		}
	}
	return r
}

// difference is the first one, "" where there is none.
func (r rules) difference(expected, got []byte) string {
	if r.spaceSensitive {
		for at := range max(len(expected), len(got)) {
			if at >= len(expected) || at >= len(got) || !r.sameByte(expected[at], got[at]) {
				return fmt.Sprintf("at byte %d", at+1)
			}
		}
		return ""
	}
	want, have := tokens(expected), tokens(got)
	for at := range max(len(want), len(have)) {
		switch {
		case at >= len(have):
			return fmt.Sprintf("token %d: expected %s, got nothing", at+1, shown(want[at]))
		case at >= len(want):
			return fmt.Sprintf("token %d: expected nothing, got %s", at+1, shown(have[at]))
		case !r.sameToken(want[at], have[at]):
			return fmt.Sprintf("token %d: expected %s, got %s", at+1, shown(want[at]), shown(have[at]))
		}
	}
	return ""
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (r rules) sameByte(a, b byte) bool {
	return a == b || !r.caseSensitive && lower(a) == lower(b)
}

func (r rules) sameToken(want, have []byte) bool {
	if r.absolute >= 0 || r.relative >= 0 {
		expected, isNumber := numberIn(want)
		got, isToo := numberIn(have)
		if isNumber && isToo {
			// Infinities agree with themselves, though they are not a number apart.
			off := math.Abs(expected - got)
			if expected == got || r.absolute >= 0 && off <= r.absolute ||
				r.relative >= 0 && off <= r.relative*math.Abs(expected) {
				return true
			}
		}
	}
	if len(want) != len(have) {
		return false
	}
	for at := range want {
		if !r.sameByte(want[at], have[at]) {
			return false
		}
	}
	return true
}

var numbers = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// numberIn is the number that a token is as a whole; one beyond the doubles is an infinity.
func numberIn(token []byte) (float64, bool) {
	if !numbers.Match(token) {
		return 0, false
	}
	number, _ := strconv.ParseFloat(string(token), 64) // an error is a range, with the infinity as its number
	return number, true
}

// tokens splits at ASCII white space.
func tokens(b []byte) [][]byte {
	return bytes.FieldsFunc(b, func(c rune) bool { return c == ' ' || '\t' <= c && c <= '\r' })
}

// shown is a token in quotes, as ../README.md has it.
func shown(token []byte) string {
	const most = 40
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range token[:min(len(token), most)] {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&out, "\\x%02x", c)
		} else {
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	if len(token) > most {
		out.WriteString("...")
	}
	return out.String()
}
