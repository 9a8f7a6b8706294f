/*
 * What every part of stratum-icpc (and of `judge` in C) needs: messages, memory, text, files.
 *
 * 1. Whatever can go wrong is said on stderr by complain(), once, where it is noticed; callers only pass -1 on.
 * 2. Memory comes from arenas and is given back with them. A program that gets no memory ends with status 2: what
 *    the store has acknowledged is on disk by then, and what it has not is discarded by the next open.
 * 3. Bytes of files are struct stratum_text, text or not; a NUL that is not counted follows what read_file gives.
 */
#ifndef STRATUM_ICPC_UTIL_H
#define STRATUM_ICPC_UTIL_H

#include <stdbool.h>
#include <stddef.h>

#include "stratum.h"

#if defined(__GNUC__)
#define PRINTF_LIKE(text, rest) __attribute__((format(printf, text, rest)))
#else
#define PRINTF_LIKE(text, rest)
#endif

/* Exit statuses: done; the answer is no (a wrong candidate, a refused package, damage); it could not be done. */
enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_TROUBLE = 2 };

/* What messages begin with; beside main(). */
extern const char program_name[];

/* Says on stderr what is wrong. Always -1, so that callers can return it. */
int complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* Says on stderr what the reader should know, without it being wrong. */
void note(const char *format, ...) PRINTF_LIKE(1, 2);

/* Memory that is given back at once. An arena begins as {NULL}. */
struct arena {
    struct arena_chunk *chunks;
};

/* Zeroed and aligned for anything; never NULL. */
void *arena_allocate(struct arena *arena, size_t size);

/* An array with room for `wanted` elements of `size` bytes that begins with the `count` of `old`. */
void *arena_grow(struct arena *arena, const void *old, size_t count, size_t wanted, size_t size);

char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_free(struct arena *arena);

/* The text of a NUL-terminated string, borrowed; empty for NULL. */
struct stratum_text text_of(const char *string);
bool text_is(struct stratum_text text, const char *string);
bool text_equal(struct stratum_text a, struct stratum_text b);
bool text_is_utf8(struct stratum_text text);

/* A NUL-terminated copy. */
char *text_copy(struct arena *arena, struct stratum_text text);

/* A string where the bytes are UTF-8, bytes where they are not; borrowed. */
struct stratum_value value_of_bytes(struct stratum_text bytes);

/* The bytes of a string or bytes value, borrowed; false for any other kind. */
bool bytes_of_value(const struct stratum_value *value, struct stratum_text *bytes);

/* The words of a text, between white space. */
void split_words(struct arena *arena, struct stratum_text text, const struct stratum_text **words, size_t *count);

/* Whether all of it is a decimal number: a sign, digits with a point, an exponent. (strtod takes `inf` and `0x10`, too.) */
bool is_decimal(const char *text);

bool string_ends_with(const char *string, const char *suffix);

/* Reads a whole regular file. */
int read_file(struct arena *arena, const char *path, struct stratum_text *bytes);

/* Writes a whole file, replacing one of that name. */
int write_file(const char *path, struct stratum_text bytes);

/* Makes a directory and those above it; they may be there. */
int make_directories(struct arena *arena, const char *path);

/* The names in a directory but the hidden ones, in the order of their bytes. */
int list_directory(struct arena *arena, const char *path, char ***names, size_t *count);

/* Whether something is there, and whether it is a directory. */
bool is_directory(const char *path);
bool is_file(const char *path);

#endif
