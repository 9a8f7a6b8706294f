/*
 * `judge` in C: what its parts share. ../README.md says what it does; files, texts and YAML are stratum-icpc's.
 *
 * 1. What goes wrong is said once, where it is noticed; callers pass -1 on.
 * 2. Memory is the arena's that a function is given.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "../../icpc/store.h"

/* package.c: a package as a tree, all of it in the arena. */
int read_package(struct arena *arena, const char *directory, const char *name, struct stratum_tree_desc *tree);

/* compare.c: two outputs. */
struct rules {
    bool case_sensitive;
    bool space_sensitive;
    double absolute; /* below 0 where there is none, like the next */
    double relative;
};
struct rules rules_of(const struct stratum_value *flags);

/* How they differ, in the arena; NULL where they agree. */
const char *difference(struct arena *arena, const struct rules *rules, struct stratum_text expected,
                       struct stratum_text got);

#endif
