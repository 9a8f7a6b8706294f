/*
 * A problem package (icpc.io/problem-package-format; legacy, 2023-07-draft and 2025-09) as one tree of the store.
 *
 *     problem.yaml              columns: each key under its name, limits one by one (`limits.memory`); the whole text
 *                               as `problem.yaml`
 *     the directory's name      column `package`
 *     the statement             the blob; columns `statement.file`, `.language`, and `.languages`: all there are
 *     data/.../testdata.yaml    column `test_groups`: path below data/ -> text (test_group.yaml likewise)
 *     data/sample, data/secret  inputs in the order of the judge; `.ans` is the output, the rest their columns:
 *       group, name             `secret/subtask1` and `01`
 *       kind                    `test`; `interaction` for a sample that shows a dialogue and has no output
 *       description             the text of `.desc`, or what the test's .yaml says
 *       output_validator_args   how outputs are compared, where the package says so
 *       files                   what is in the directory `.files`, by path
 *       hint, interaction, out  and so on: the test's other files, by their extensions (see test_companions)
 *
 * 1. Tests and groups of a directory are in the order of their names' bytes, not counting extensions; sample comes
 *    before secret. (1 comes before 1-big, that before 10; by the names of the files 1-big.in would come before 1.in.)
 * 2. Contents come back byte for byte: they are strings where they are UTF-8, bytes where they are not.
 * 3. A package that breaks the format is refused whole. What is no part of the tests is named in a note.
 */
#ifndef STRATUM_ICPC_PACKAGE_H
#define STRATUM_ICPC_PACKAGE_H

#include "util.h"

struct columns {
    struct stratum_column *items;
    size_t count;
    size_t capacity;
};

struct package {
    struct arena arena;
    const char *directory;
    const char *name;
    /* Empty where problem.yaml has none. */
    struct stratum_text uuid;
    /* What problem.yaml gives to the output validator. */
    const struct stratum_text *validator_args;
    size_t validator_arg_count;
    struct stratum_text statement;
    struct columns columns;
    struct stratum_input *inputs;
    size_t input_count;
    size_t input_capacity;
    /* Pairs of path and text. */
    struct stratum_text *test_groups;
    size_t test_group_count;
    size_t test_group_capacity;
};

/* The extensions of a test's files that become columns, and those columns. Ends with a NULL. */
struct test_companion {
    const char *extension;
    const char *column;
};
extern const struct test_companion test_companions[];

/* Reads a package; free it whatever the answer. */
int package_read(struct package *package, const char *directory);
void package_free(struct package *package);

/* The package as a tree, borrowed from it. */
struct stratum_tree_desc package_tree(const struct package *package);

/* Adds a column; a second one of that name is refused. `name` and what `value` leads to are kept, not copied. */
int add_column(struct package *package, struct columns *columns, const char *name, struct stratum_value value);

/* metadata.c: problem.yaml and the statement. */
int read_metadata(struct package *package);
int read_statement(struct package *package);

/* tests.c: the inputs, outputs and test groups. */
int read_tests(struct package *package);

/* test.c: the files of one test. */
struct test_place {
    const char *directory;  /* that it lies in */
    const char *group;      /* for the column */
    char *const *names;     /* what is in the directory, sorted */
    size_t name_count;
    const struct stratum_text *validator_args; /* of the group */
    size_t validator_arg_count;
};
int read_test(struct package *package, const struct test_place *place, const char *base, bool interaction);

/* Whether `name` is among the names, and whether it is a file of the test `base`. */
bool has_name(char *const *names, size_t count, const char *name);
bool is_companion(const char *name, const char *base);

#endif
