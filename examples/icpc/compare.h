/*
 * Compares an output with the expected one: byte by byte, or as the default validator of the problem package format
 * does it, token by token (https://www.kattis.com/problem-package-format/spec, "Default output validator").
 *
 * 1. Tokens are what stands between white space. They are equal without regard to case, unless case_sensitive.
 * 2. With space_change_sensitive the white space must be the same, too.
 * 3. With a tolerance an expected token that is a finite number is met by any number that is within the absolute or the
 *    relative tolerance of it; all other tokens are compared as text.
 */
#ifndef STRATUM_ICPC_COMPARE_H
#define STRATUM_ICPC_COMPARE_H

#include "util.h"

struct comparison {
    bool exact;
    bool case_sensitive;
    bool space_change_sensitive;
    double absolute_tolerance; /* below 0: none */
    double relative_tolerance;
};

/* Where two outputs part. Lines, columns (in bytes) and tokens count from 1. */
struct difference {
    const char *what;
    size_t line;   /* in the output that is judged */
    size_t column;
    size_t token;  /* 0 in an exact comparison */
    size_t expected_line;
    struct stratum_text expected; /* data is NULL where there is nothing left */
    struct stratum_text got;
};

enum verdict { IDENTICAL, ACCEPTED, WRONG };

/* Tokens, no tolerance. */
struct comparison comparison_default(void);

/* Takes one option of the validator, `value` being the argument after it. How many were taken: 1, 2, or 0 for none. */
int comparison_option(struct comparison *comparison, struct stratum_text option, const struct stratum_text *value);

enum verdict compare_outputs(const struct comparison *comparison, struct stratum_text expected,
                             struct stratum_text got, struct difference *difference);

#endif
