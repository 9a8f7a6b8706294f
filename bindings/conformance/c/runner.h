/* What the parts of the runner share: the state of a script, and a function for the calls on each kind of handle. */
#ifndef CONFORMANCE_RUNNER_H
#define CONFORMANCE_RUNNER_H

#include "wire.h"

enum type { DB, LATEST, SNAPSHOT, BATCH, DOCUMENTS, INPUTS, TREE, PINNED };

union handle {
    stratum_db *db;
    stratum_view *view;
    stratum_batch *batch;
    stratum_document_cursor *documents;
    stratum_input_cursor *inputs;
    stratum_tree *tree;
    stratum_pinned *pinned;
};

/* What a script has under a name. */
struct thing {
    enum type type;
    const char *name;
    /* As it was made. */
    union handle handle;
    /* What close and free set to NULL. */
    union handle variable;
};

/* An id under a name and a suffix. */
struct id {
    const char *name;
    const char *suffix;
    uint64_t id;
};

/* A script that is being run. Names belong to its JSON. */
struct run {
    const char *dir;
    const json_t *step;
    struct thing *things;
    size_t thing_count;
    struct id *ids;
    size_t id_count;
};

struct thing *find(struct run *run, const char *name);
void keep(struct run *run, enum type type, union handle handle);
void keep_id(struct run *run, const char *suffix, uint64_t id);

/* Arguments of the step; `argument` is NULL where there is none, the others end the runner. */
const json_t *argument(const struct run *run, const char *name);
const char *word(const struct run *run, const char *name, size_t *length);
uint64_t number(const struct run *run, const char *name);
uint64_t resolve(const struct run *run, const json_t *json);
char *path_of(const struct run *run, const char *name);

/* Each makes the call that `op` names, writes what it gives, and answers its status. */
int32_t on_db(struct run *run, stratum_db *db, const char *op, struct text *out);
int32_t on_batch(struct run *run, stratum_batch *batch, const char *op, struct text *out);
int32_t commit(struct run *run, struct thing *batch, struct text *out);
int32_t on_view(struct run *run, const stratum_view *view, const char *op, struct text *out);
int32_t on_documents(struct run *run, stratum_document_cursor *cursor, const char *op, struct text *out);
int32_t on_inputs(struct run *run, stratum_input_cursor *cursor, const char *op, struct text *out);

#endif
