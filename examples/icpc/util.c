/* Messages, memory and text; the files are in files.c. */
#include "util.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *prefix, const char *format, va_list arguments)
{
    /* So that messages stand where they belong when both go to the same place. */
    fflush(stdout);
    fprintf(stderr, "%s: %s", program_name, prefix);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
    return -1;
}

void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("note: ", format, arguments);
    va_end(arguments);
}

/* One malloc of an arena; what it lends follows this head. */
struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t size;
};

#define ALIGNMENT ((size_t)16)
#define CHUNK_SIZE ((size_t)64 * 1024)
#define HEAD_SIZE ((sizeof(struct arena_chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static struct arena_chunk *new_chunk(size_t size)
{
    struct arena_chunk *chunk = size > SIZE_MAX - HEAD_SIZE ? NULL : calloc(1, HEAD_SIZE + size);
    if (chunk == NULL) {
        complain("out of memory (%zu bytes wanted)", size);
        exit(EXIT_TROUBLE);
    }
    chunk->size = size;
    return chunk;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = arena->chunks;
    char *memory;

    size = size > SIZE_MAX - ALIGNMENT ? SIZE_MAX : (size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        bool large = size > CHUNK_SIZE / 4;
        chunk = new_chunk(large ? size : CHUNK_SIZE);
        if (large && arena->chunks != NULL) {
            /* Behind the first, which may still have room for small ones. */
            chunk->next = arena->chunks->next;
            arena->chunks->next = chunk;
        } else {
            chunk->next = arena->chunks;
            arena->chunks = chunk;
        }
    }
    memory = (char *)chunk + HEAD_SIZE + chunk->used;
    chunk->used += size;
    return memory;
}

void *arena_grow(struct arena *arena, const void *old, size_t count, size_t wanted, size_t size)
{
    void *grown = arena_allocate(arena, wanted > SIZE_MAX / size ? SIZE_MAX : wanted * size);
    if (count > 0)
        memcpy(grown, old, count * size);
    return grown;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        complain("a text cannot be formatted");
        exit(EXIT_TROUBLE);
    }
    text = arena_allocate(arena, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}

struct stratum_text text_of(const char *string)
{
    struct stratum_text text;
    text.data = string;
    text.length = string == NULL ? 0 : strlen(string);
    return text;
}

bool text_equal(struct stratum_text a, struct stratum_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool text_is(struct stratum_text text, const char *string)
{
    return text_equal(text, text_of(string));
}

/* How many bytes the UTF-8 sequence at the head of `bytes` has: 1 to 4, or 0 where there is none. */
static size_t sequence_length(const unsigned char *bytes, size_t length)
{
    unsigned char head = bytes[0];
    size_t size = head < 0x80 ? 1 : head < 0xc2 ? 0 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : head < 0xf5 ? 4 : 0;
    size_t at;

    if (size > length)
        return 0;
    for (at = 1; at < size; at++)
        if ((bytes[at] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed, a surrogate, or beyond U+10FFFF. */
    if ((head == 0xe0 && bytes[1] < 0xa0) || (head == 0xed && bytes[1] > 0x9f) || (head == 0xf0 && bytes[1] < 0x90) ||
        (head == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return size;
}

bool text_is_utf8(struct stratum_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t at = 0;

    while (at < text.length) {
        size_t size = sequence_length(bytes + at, text.length - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

char *text_copy(struct arena *arena, struct stratum_text text)
{
    char *copy = arena_allocate(arena, text.length + 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    return copy;
}

struct stratum_value value_of_bytes(struct stratum_text bytes)
{
    return text_is_utf8(bytes) ? stratum_value_string(bytes.data, bytes.length)
                               : stratum_value_bytes(bytes.data, bytes.length);
}

bool bytes_of_value(const struct stratum_value *value, struct stratum_text *bytes)
{
    if (value == NULL || (value->kind != STRATUM_KIND_STRING && value->kind != STRATUM_KIND_BYTES))
        return false;
    bytes->data = value->kind == STRATUM_KIND_STRING ? value->as.text : (const char *)value->as.bytes;
    bytes->length = value->count;
    return true;
}

void split_words(struct arena *arena, struct stratum_text text, const struct stratum_text **words, size_t *count)
{
    struct stratum_text *all = arena_grow(arena, NULL, 0, text.length / 2 + 1, sizeof *all);
    size_t at = 0;

    *words = all;
    *count = 0;
    while (at < text.length) {
        size_t start = at;
        while (at < text.length && !isspace((unsigned char)text.data[at]))
            at++;
        if (at > start) {
            all[*count].data = text.data + start;
            all[*count].length = at - start;
            (*count)++;
        }
        at++;
    }
}

bool is_decimal(const char *text)
{
    size_t digits;
    text += *text == '-' || *text == '+';
    digits = strspn(text, "0123456789");
    text += digits;
    if (*text == '.') {
        size_t fraction = strspn(++text, "0123456789");
        digits += fraction;
        text += fraction;
    }
    if (digits > 0 && (*text == 'e' || *text == 'E')) {
        text++;
        text += *text == '-' || *text == '+';
        digits = strspn(text, "0123456789");
        text += digits;
    }
    return digits > 0 && *text == '\0';
}

bool string_ends_with(const char *string, const char *suffix)
{
    size_t length = strlen(string), tail = strlen(suffix);
    return length >= tail && strcmp(string + length - tail, suffix) == 0;
}
