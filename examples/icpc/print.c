/* Values, for people to read. */
#include "print.h"

#include <inttypes.h>
#include <stdio.h>

/* How much of a text, and how many elements of a list are shown. */
#define SHOWN_BYTES 60
#define SHOWN_ELEMENTS 12

static void print_escaped(struct stratum_text text, char quote)
{
    bool utf8 = text_is_utf8(text);
    size_t at;

    for (at = 0; at < text.length; at++) {
        unsigned char byte = (unsigned char)text.data[at];
        /* U+0080 to U+009F are control characters, too. */
        bool control = byte < 0x20 || byte == 0x7f || (!utf8 && byte >= 0x80) ||
                       (byte >= 0x80 && byte < 0xa0 && at > 0 && (unsigned char)text.data[at - 1] == 0xc2) ||
                       (byte == 0xc2 && at + 1 < text.length && (unsigned char)text.data[at + 1] < 0xa0);
        if (byte == '\n' || byte == '\t' || byte == '\r')
            printf("\\%c", byte == '\n' ? 'n' : byte == '\t' ? 't' : 'r');
        else if (control)
            printf("\\x%02x", byte);
        else if (quote != '\0' && (byte == (unsigned char)quote || byte == '\\'))
            printf("\\%c", byte);
        else
            putchar(byte);
    }
}

void print_plain(struct stratum_text text)
{
    print_escaped(text, '\0');
}

void print_quoted(struct stratum_text text, size_t limit)
{
    struct stratum_text shown = text;

    if (text.length > limit) {
        shown.length = limit;
        /* Not in the middle of a character. */
        while (shown.length > 0 && limit - shown.length < 3 && ((unsigned char)text.data[shown.length] & 0xc0) == 0x80)
            shown.length--;
    }
    putchar('"');
    print_escaped(shown, '"');
    putchar('"');
    if (shown.length < text.length)
        printf("... (%zu bytes)", text.length);
}

/* The shortest form that reads back as the same number, and that looks like no integer. */
static void print_double(double number)
{
    char text[40];
    int digits;
    size_t at;

    for (digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (sscanf(text, "%lf", &back) == 1 && back == number)
            break;
    }
    fputs(text, stdout);
    for (at = 0; text[at] == '-' || (text[at] >= '0' && text[at] <= '9'); at++)
        ;
    if (text[at] == '\0')
        fputs(".0", stdout);
}

static void print_element(const struct stratum_value *list, size_t at)
{
    switch (list->kind) {
    case STRATUM_KIND_INT64_LIST:
        printf("%" PRId64, list->as.int64s[at]);
        break;
    case STRATUM_KIND_DOUBLE_LIST:
        print_double(list->as.doubles[at]);
        break;
    case STRATUM_KIND_STRING_LIST:
        print_quoted(list->as.strings[at], SHOWN_BYTES);
        break;
    case STRATUM_KIND_STRING_MAP:
        print_plain(list->as.strings[2 * at]);
        fputs(": ", stdout);
        print_quoted(list->as.strings[2 * at + 1], SHOWN_BYTES);
        break;
    case STRATUM_KIND_LIST:
        print_value(&list->as.values[at]);
        break;
    default:
        print_plain(list->as.entries[at].key);
        fputs(": ", stdout);
        print_value(&list->as.entries[at].value);
    }
}

static void print_elements(const struct stratum_value *list)
{
    bool is_map = list->kind == STRATUM_KIND_MAP || list->kind == STRATUM_KIND_STRING_MAP;
    size_t at;

    putchar(is_map ? '{' : '[');
    for (at = 0; at < list->count && at < SHOWN_ELEMENTS; at++) {
        if (at > 0)
            fputs(", ", stdout);
        print_element(list, at);
    }
    if (at < list->count)
        printf(", ... (%zu in all)", list->count);
    putchar(is_map ? '}' : ']');
}

void print_value(const struct stratum_value *value)
{
    struct stratum_text text;

    switch (value->kind) {
    case STRATUM_KIND_NULL:
        fputs("null", stdout);
        break;
    case STRATUM_KIND_BOOL:
        fputs(value->as.boolean ? "true" : "false", stdout);
        break;
    case STRATUM_KIND_INT64:
        printf("%" PRId64, value->as.int64);
        break;
    case STRATUM_KIND_DOUBLE:
        print_double(value->as.float64);
        break;
    case STRATUM_KIND_DECIMAL:
        text.data = value->as.text;
        text.length = value->count;
        print_plain(text);
        break;
    case STRATUM_KIND_STRING:
    case STRATUM_KIND_BYTES:
        if (bytes_of_value(value, &text))
            print_quoted(text, SHOWN_BYTES);
        break;
    default:
        print_elements(value);
    }
}

const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"?",          "null",        "bool",        "int64",      "double",
                                        "decimal",    "string",      "bytes",       "int64 list", "double list",
                                        "string list", "string map", "list",        "map"};
    return kind < sizeof names / sizeof *names ? names[kind] : names[0];
}
