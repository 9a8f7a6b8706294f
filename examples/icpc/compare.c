/* Byte by byte, and token by token. */
#include "compare.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The longest token that is looked at as a number: the longest exact double has about 1,100 digits. */
#define MAX_NUMBER 2048

/* A place in an output. */
struct reader {
    struct stratum_text text;
    size_t at;
    size_t line;
    size_t line_start;
};

static struct reader reader_of(struct stratum_text text)
{
    struct reader reader = {{NULL, 0}, 0, 1, 0};
    reader.text = text;
    return reader;
}

static bool at_space(const struct reader *reader)
{
    return reader->at < reader->text.length && isspace((unsigned char)reader->text.data[reader->at]);
}

static void step(struct reader *reader)
{
    if (reader->text.data[reader->at] == '\n') {
        reader->line++;
        reader->line_start = reader->at + 1;
    }
    reader->at++;
}

/* The token here; no data at the end. The reader stays. */
static struct stratum_text token(const struct reader *reader)
{
    struct stratum_text found = {NULL, 0};
    size_t end = reader->at;

    while (end < reader->text.length && !isspace((unsigned char)reader->text.data[end]))
        end++;
    if (end > reader->at) {
        found.data = reader->text.data + reader->at;
        found.length = end - reader->at;
    }
    return found;
}

/* What is left of the line, its end included; no data at the end of the output. */
static struct stratum_text rest_of_line(const struct reader *reader)
{
    struct stratum_text rest = {NULL, 0};
    size_t end = reader->at;

    if (end >= reader->text.length)
        return rest;
    while (end < reader->text.length && reader->text.data[end] != '\n')
        end++;
    rest.data = reader->text.data + reader->at;
    rest.length = end - reader->at + (end < reader->text.length);
    return rest;
}

static enum verdict wrong(const char *what, const struct reader *expected, const struct reader *got,
                          struct stratum_text expected_text, struct stratum_text got_text, size_t number,
                          struct difference *difference)
{
    difference->what = what;
    difference->line = got->line;
    difference->column = got->at - got->line_start + 1;
    difference->token = number;
    difference->expected_line = expected->line;
    difference->expected = expected_text;
    difference->got = got_text;
    return WRONG;
}

static enum verdict compare_bytes(struct stratum_text expected, struct stratum_text got, struct difference *difference)
{
    struct reader left = reader_of(expected), right = reader_of(got);

    while (left.at < expected.length && right.at < got.length && expected.data[left.at] == got.data[right.at]) {
        step(&left);
        step(&right);
    }
    return wrong("bytes differ", &left, &right, rest_of_line(&left), rest_of_line(&right), 0, difference);
}

/* Whether all of the token is a finite number. */
static bool is_number(struct stratum_text text, double *number)
{
    char copy[MAX_NUMBER + 1];
    char *end;

    if (text.length == 0 || text.length > MAX_NUMBER)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    *number = strtod(copy, &end);
    return end == copy + text.length && isfinite(*number);
}

static bool same_text(const struct comparison *comparison, struct stratum_text expected, struct stratum_text got)
{
    size_t at;

    if (comparison->case_sensitive || expected.length != got.length)
        return text_equal(expected, got);
    for (at = 0; at < got.length; at++)
        if (tolower((unsigned char)expected.data[at]) != tolower((unsigned char)got.data[at]))
            return false;
    return true;
}

/* NULL where the tokens match, otherwise why they do not. */
static const char *token_difference(const struct comparison *comparison, struct stratum_text expected,
                                    struct stratum_text got)
{
    bool tolerant = comparison->absolute_tolerance >= 0 || comparison->relative_tolerance >= 0;
    double wanted, given, distance;

    if (!tolerant || !is_number(expected, &wanted))
        return same_text(comparison, expected, got) ? NULL : "tokens differ";
    if (!is_number(got, &given))
        return "a number was expected";
    distance = fabs(wanted - given);
    if (distance <= comparison->absolute_tolerance || distance <= comparison->relative_tolerance * fabs(wanted))
        return NULL;
    return "the number is too far off";
}

/* Passes over white space; false where it differs and must not. */
static bool pass_space(const struct comparison *comparison, struct reader *expected, struct reader *got)
{
    while (at_space(expected)) {
        if (comparison->space_change_sensitive) {
            if (got->at >= got->text.length || got->text.data[got->at] != expected->text.data[expected->at])
                return false;
            step(got);
        }
        step(expected);
    }
    while (at_space(got)) {
        if (comparison->space_change_sensitive)
            return false;
        step(got);
    }
    return true;
}

static enum verdict compare_tokens(const struct comparison *comparison, struct stratum_text expected_text,
                                   struct stratum_text got_text, struct difference *difference)
{
    struct reader expected = reader_of(expected_text), got = reader_of(got_text);
    size_t number;

    for (number = 1;; number++) {
        struct stratum_text wanted, given;
        const char *what;

        if (!pass_space(comparison, &expected, &got))
            return wrong("white space differs", &expected, &got, rest_of_line(&expected), rest_of_line(&got), number,
                         difference);
        wanted = token(&expected);
        given = token(&got);
        if (wanted.data == NULL && given.data == NULL)
            return ACCEPTED;
        what = wanted.data == NULL  ? "the output goes on after its end"
               : given.data == NULL ? "the output ends too early"
                                    : token_difference(comparison, wanted, given);
        if (what != NULL)
            return wrong(what, &expected, &got, wanted, given, number, difference);
        expected.at += wanted.length;
        got.at += given.length;
    }
}

struct comparison comparison_default(void)
{
    struct comparison comparison = {false, false, false, -1, -1};
    return comparison;
}

int comparison_option(struct comparison *comparison, struct stratum_text option, const struct stratum_text *value)
{
    bool both = text_is(option, "float_tolerance");
    bool absolute = both || text_is(option, "float_absolute_tolerance");
    bool relative = both || text_is(option, "float_relative_tolerance");
    double tolerance;

    if (text_is(option, "case_sensitive")) {
        comparison->case_sensitive = true;
        return 1;
    }
    if (text_is(option, "space_change_sensitive")) {
        comparison->space_change_sensitive = true;
        return 1;
    }
    if ((!absolute && !relative) || value == NULL || !is_number(*value, &tolerance) || tolerance < 0)
        return 0;
    if (absolute)
        comparison->absolute_tolerance = tolerance;
    if (relative)
        comparison->relative_tolerance = tolerance;
    return 2;
}

enum verdict compare_outputs(const struct comparison *comparison, struct stratum_text expected,
                             struct stratum_text got, struct difference *difference)
{
    memset(difference, 0, sizeof *difference);
    if (text_equal(expected, got))
        return IDENTICAL;
    if (comparison->exact)
        return compare_bytes(expected, got, difference);
    return compare_tokens(comparison, expected, got, difference);
}
