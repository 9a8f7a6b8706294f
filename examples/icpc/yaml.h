/*
 * YAML (by libyaml) as values of the store.
 *
 * 1. What the format calls text stays the text that stands there: a problem named 2048, a version 1.10. Which keys hold
 *    something else is for the caller to say; below those, plain scalars are typed by the rules of YAML's core schema
 *    (and, as Kattis' tools do, yes/no/on/off are booleans too).
 * 2. A number that fits neither int64 nor double becomes a decimal with the digits that stand there.
 * 3. A list of one kind of scalar is a packed list, a map of text to text a packed map; an empty list is a LIST, an
 *    empty map a MAP.
 * 4. Hostile files end in a message: aliases are expanded, but only so far; nesting has a limit; keys are unique.
 */
#ifndef STRATUM_ICPC_YAML_H
#define STRATUM_ICPC_YAML_H

#include "util.h"

/* Whether the values below this top-level key have types of their own. */
typedef bool (*yaml_is_typed)(struct stratum_text key);

/*
 * Reads a document whose top is a map, or empty: its entries, which live as long as the arena. With NULL for `is_typed`
 * every scalar but null is text. `path` is for messages.
 */
int yaml_read(struct arena *arena, const char *path, struct stratum_text text, yaml_is_typed is_typed,
              const struct stratum_entry **entries, size_t *count);

/* The value of a key, NULL where there is none. */
const struct stratum_value *yaml_find(const struct stratum_entry *entries, size_t count, const char *key);

#endif
