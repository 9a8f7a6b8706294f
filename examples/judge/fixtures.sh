#!/bin/sh
# Packages and outputs at the edges of what README.md says: examples/judge/fixtures.sh DIR makes DIR/packages and
# DIR/outputs.
set -eu
cd "$1"
mkdir packages outputs

# package NAME PROBLEM_YAML
package() {
    mkdir -p "packages/$1/data/secret" "outputs/$1/secret"
    printf "$2" > "packages/$1/problem.yaml"
}

# test_case PACKAGE TEST INPUT ANSWER [OUTPUT [EXTENSION]]: an answer `-` is none.
test_case() {
    mkdir -p "$(dirname "packages/$1/data/$2")" "$(dirname "outputs/$1/$2")"
    printf "$3" > "packages/$1/data/$2.in"
    [ "$4" = - ] || printf "$4" > "packages/$1/data/$2.ans"
    [ $# -lt 5 ] || printf "$5" > "outputs/$1/$2.${6:-out}"
}

package words 'name: {sv: Ord, en: Words}\nkeywords: one  two\n'
mkdir packages/words/statement packages/words/problem_statement
printf 'second' > packages/words/statement/problem.sv.md
printf 'first' > packages/words/statement/problem.en.md
printf 'not this' > packages/words/statement/about.txt
printf 'nor this' > packages/words/problem_statement/problem.tex
test_case words sample/1 '' '' ''
test_case words sample/b/1 'nested' 'A b\tC' 'a\vB\fc\r\n'
test_case words sample/10 'by bytes' 'same' 'same' ans
test_case words secret/bytes 'caf\351' '\377\000x' '\377\000X'
test_case words secret/none 'no answer' -
test_case words secret/more 'x' 'a b' 'a b c'
test_case words secret/less 'x' 'a b c' 'a b'
test_case words secret/missing 'x' 'a'
test_case words secret/quoted 'x' '"\\tab"' 'caf\303\251'
forty=0123456789012345678901234567890123456789
test_case words secret/long 'x' "$forty" "${forty}0"
test_case words secret/number 'x' '1.0' '1.00'
mkdir packages/words/data/secret/directory.in packages/words/data/secret/.hidden
printf 'hidden' > packages/words/data/secret/.hidden/1.in
printf 'hidden' > packages/words/data/secret/.2.in

package exact 'name: 2048\nvalidator_flags: space_change_sensitive case_sensitive\n'
mkdir packages/exact/problem_statement
printf 'caf\351' > packages/exact/problem_statement/problem.tex
test_case exact secret/1 'x' 'a b\n' 'a b\n'
test_case exact secret/2 'x' 'a b\n' 'a  b\n'
test_case exact secret/3 'x' 'a b\n' 'a B\n'
test_case exact secret/4 'x' 'a b\n' 'a b'
test_case exact secret/5 'x' 'a b' 'a b\n'

package spaces 'validator_flags: "space_change_sensitive"\nkeywords: []\n'
test_case spaces secret/1 'x' 'a b\n' 'A b\n'
test_case spaces secret/2 'x' 'a b\n' 'a c\n'

package cases 'name: {de: Gro\303\237, fr: Grand}\nkeywords: [yes, 1.10, "a b"]
validator_flags: case_sensitive unknown\n'
test_case cases secret/1 'x' 'a b\n' 'a   b'
test_case cases secret/2 'x' 'a b\n' 'a B'

package numbers 'name: Numbers\nvalidator_flags: >
  float_tolerance 1 float_absolute_tolerance 0.5
  float_relative_tolerance 1e-1 float_tolerance much\n'
test_case numbers secret/absolute 'x' '1 -1 .5 5. +2e0' '1.5 -1.5 0 4.5 2.5'
test_case numbers secret/relative 'x' '100 1e2' '110 90'
test_case numbers secret/far 'x' '100' '110.1'
test_case numbers secret/text 'x' '100 abc' '100 ABC'
test_case numbers secret/no_number 'x' '100' '100x'
test_case numbers secret/infinite 'x' 'inf nan' 'INF NaN'
test_case numbers secret/infinite2 'x' '1' 'inf'
test_case numbers secret/hexadecimal 'x' '16' '0x10'
test_case numbers secret/dot 'x' '0' '.'

package list '[a, b]\n'
mkdir packages/no_yaml
package broken 'name: [a\n'
