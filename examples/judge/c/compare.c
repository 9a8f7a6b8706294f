/* Outputs, token by token or byte by byte. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a token is shown. */
#define SHOWN_BYTES 40

static bool number_of(struct arena *arena, struct stratum_text text, double *number)
{
    const char *copy = text_copy(arena, text);

    if (strlen(copy) != text.length || !is_decimal(copy))
        return false;
    *number = strtod(copy, NULL);
    return true;
}

struct rules rules_of(const struct stratum_value *flags)
{
    struct rules rules = {false, false, -1, -1};
    struct arena arena = {NULL};
    size_t at, count = flags != NULL && flags->kind == STRATUM_KIND_STRING_LIST ? flags->count : 0;

    for (at = 0; at < count; at++) {
        const struct stratum_text *flag = &flags->as.strings[at];
        bool both = text_is(*flag, "float_tolerance"), absolute = text_is(*flag, "float_absolute_tolerance");
        double number;

        rules.case_sensitive = rules.case_sensitive || text_is(*flag, "case_sensitive");
        rules.space_sensitive = rules.space_sensitive || text_is(*flag, "space_change_sensitive");
        if (!(both || absolute || text_is(*flag, "float_relative_tolerance")) || at + 1 == count ||
            !number_of(&arena, flag[1], &number))
            continue;
        if (both || absolute)
            rules.absolute = number;
        if (both || !absolute)
            rules.relative = number;
        at++;
    }
    arena_free(&arena);
    return rules;
}

static int folded(const struct rules *rules, char byte)
{
    unsigned char plain = (unsigned char)byte;
    return !rules->case_sensitive && plain >= 'A' && plain <= 'Z' ? plain + ('a' - 'A') : plain;
}

/* How many bytes agree at the beginning. */
static size_t agreeing(const struct rules *rules, struct stratum_text a, struct stratum_text b)
{
    size_t at = 0;
    while (at < a.length && at < b.length && folded(rules, a.data[at]) == folded(rules, b.data[at]))
        at++;
    return at;
}

static bool same_token(struct arena *arena, const struct rules *rules, struct stratum_text expected,
                       struct stratum_text got)
{
    double wanted, given;

    if ((rules->absolute >= 0 || rules->relative >= 0) && number_of(arena, expected, &wanted) &&
        number_of(arena, got, &given) &&
        (fabs(wanted - given) <= rules->absolute || fabs(wanted - given) <= rules->relative * fabs(wanted)))
        return true;
    return expected.length == got.length && agreeing(rules, expected, got) == got.length;
}

static const char *shown(struct arena *arena, const struct stratum_text *tokens, size_t count, size_t at)
{
    char *text = arena_allocate(arena, 4 * SHOWN_BYTES + 1);
    size_t byte, length = 0;

    if (at >= count)
        return "nothing";
    for (byte = 0; byte < tokens[at].length && byte < SHOWN_BYTES; byte++) {
        unsigned char plain = (unsigned char)tokens[at].data[byte];
        bool escaped = plain < 0x20 || plain >= 0x7f || plain == '"' || plain == '\\';
        length += (size_t)snprintf(text + length, 5, escaped ? "\\x%02x" : "%c", plain);
    }
    return arena_format(arena, "\"%s\"%s", text, tokens[at].length > SHOWN_BYTES ? "..." : "");
}

const char *difference(struct arena *arena, const struct rules *rules, struct stratum_text expected,
                       struct stratum_text got)
{
    const struct stratum_text *wanted, *given;
    size_t wanted_count, given_count, at = 0;

    if (rules->space_sensitive) {
        at = agreeing(rules, expected, got);
        return at == expected.length && at == got.length ? NULL : arena_format(arena, "at byte %zu", at + 1);
    }
    split_words(arena, expected, &wanted, &wanted_count);
    split_words(arena, got, &given, &given_count);
    while (at < wanted_count && at < given_count && same_token(arena, rules, wanted[at], given[at]))
        at++;
    if (at == wanted_count && at == given_count)
        return NULL;
    return arena_format(arena, "token %zu: expected %s, got %s", at + 1, shown(arena, wanted, wanted_count, at),
                        shown(arena, given, given_count, at));
}
