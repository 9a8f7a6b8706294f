/* The worker of tests/process through the C ABI: random work on a store, told to a journal as it goes.
 *
 *     worker STORE JOURNAL SEED
 *
 * 1. Records are those of tests/process/journal.rs, one write each; it works until it is killed.
 * 2. What stands for a document is a checksum of its blob and one of its inputs with their outputs, kept by the thread
 *    that the document belongs to, never read back from the store.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "stratum.h"

enum { THREADS = 2, MOST = 10, CALLS = 3 };
#define FNV_START UINT64_C(0xcbf29ce484222325)

typedef struct document {
    uint64_t id;
    uint64_t blob;
    uint64_t inputs;
} document;

typedef struct worker {
    stratum_db *db;
    uint64_t random;
    uint64_t shared;
    int64_t number;
    unsigned name;
    size_t count;
    document documents[MOST + CALLS];
} worker;

static int journal;

static void fail(const char *what) {
    fprintf(stderr, "worker: %s\n", what);
    exit(1);
}

/* Writes one record: what was put together in the buffer, and its end. */
typedef struct record {
    char text[1 << 14];
    size_t length;
} record;

static void say(record *record, const char *format, ...) {
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = vsnprintf(record->text + record->length, sizeof record->text - record->length, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof record->text - record->length) {
        fail("a record is too long");
    }
    record->length += (size_t)length;
}

static void end(record *record) {
    say(record, " .");
    if (write(journal, record->text, record->length) != (ssize_t)record->length) {
        fail("the journal is full");
    }
    record->length = 0;
}

static const char *name_of(int32_t status) {
    return stratum_status_name(status) + strlen("STRATUM_");
}

/* Notes a call that failed, and says whether it did not. */
static int well(const char *call, int32_t status) {
    record record = {{0}, 0};
    if (status != STRATUM_OK) {
        say(&record, "\nrefused %s %s", call, name_of(status));
        end(&record);
    }
    return status == STRATUM_OK;
}

static uint64_t next(uint64_t *random) {
    uint64_t mixed = *random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static uint64_t fnv(uint64_t sum, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    while (length-- > 0) {
        sum = (sum ^ *at++) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static uint64_t with_input(uint64_t sum, uint64_t id, const stratum_value *value, const stratum_value *output) {
    sum = fnv(sum, &id, sizeof id);
    sum = fnv(sum, value->as.int64s, value->count * sizeof *value->as.int64s);
    return output == NULL ? sum : fnv(sum, &output->as.int64, sizeof output->as.int64);
}

static uint64_t digest(const document *document) {
    return document->blob * 31 + document->inputs;
}

static stratum_text text_of(const char *text) {
    stratum_text made;
    made.data = text;
    made.length = strlen(text);
    return made;
}

static stratum_column column_of(const char *name, int64_t number) {
    stratum_column made;
    made.name = text_of(name);
    made.value = stratum_value_int64(number);
    return made;
}

/* Random contents, in memory of the caller. */
typedef struct contents {
    unsigned char blob[2048];
    size_t length;
    int64_t numbers[5][4];
    stratum_value outputs[5];
    stratum_input inputs[5];
    size_t count;
} contents;

static void fill(contents *contents, uint64_t *random) {
    size_t i, j;
    memset(contents, 0, sizeof *contents);
    contents->length = next(random) % 8 == 0 ? next(random) % sizeof contents->blob : next(random) % 60;
    for (i = 0; i < contents->length; i++) {
        contents->blob[i] = (unsigned char)next(random);
    }
    contents->count = next(random) % 5 + 1;
    for (i = 0; i < contents->count; i++) {
        size_t count = next(random) % 4;
        for (j = 0; j < count; j++) {
            contents->numbers[i][j] = (int64_t)next(random);
        }
        contents->inputs[i].value = stratum_value_int64_list(contents->numbers[i], count);
        if (next(random) % 3 != 0) {
            contents->outputs[i] = stratum_value_int64((int64_t)next(random));
            contents->inputs[i].output = &contents->outputs[i];
        }
    }
}

static uint64_t sum_of(const stratum_input *inputs, size_t count, uint64_t first) {
    uint64_t sum = FNV_START;
    size_t i;
    for (i = 0; i < count; i++) {
        sum = with_input(sum, first == 0 ? inputs[i].id : first + i, &inputs[i].value, inputs[i].output);
    }
    return sum;
}

/* One call of a batch. Gives back its status; what it changed is in `changed`, with a zero blob sum for a delete. */
static int32_t call(worker *worker, stratum_batch *batch, document *changed, int *deleted) {
    static _Thread_local contents contents;
    stratum_tree_desc tree = {0};
    stratum_tree_ids ids = {0};
    size_t at = worker->count == 0 ? 0 : next(&worker->random) % worker->count;
    uint64_t choice = next(&worker->random) % 10, input;
    document *document = &worker->documents[at];
    int32_t status;

    fill(&contents, &worker->random);
    tree.struct_size = sizeof tree;
    tree.blob = contents.blob;
    tree.blob_length = contents.length;
    tree.inputs = contents.inputs;
    tree.input_count = contents.count;
    *deleted = 0;
    if (worker->count == 0 || (choice < 3 && worker->count < MOST)) {
        status = stratum_batch_put_tree(batch, &tree, &ids, NULL);
        document = &worker->documents[worker->count];
    } else if (choice < 5) {
        status = stratum_batch_replace_tree(batch, document->id, &tree, &ids, NULL);
    } else if (choice < 7) {
        status = stratum_batch_set_blob(batch, document->id, contents.blob, contents.length, NULL);
        document->blob = fnv(FNV_START, contents.blob, contents.length);
        *changed = *document;
        return status;
    } else if (choice < 9) {
        status = stratum_batch_append_input(batch, document->id, &contents.inputs[0].value, &input, NULL);
        if (status == STRATUM_OK) {
            document->inputs = with_input(document->inputs, input, &contents.inputs[0].value, NULL);
        }
        *changed = *document;
        return status;
    } else {
        status = stratum_batch_delete_document(batch, document->id, NULL);
        *changed = *document;
        *deleted = 1;
        *document = worker->documents[--worker->count];
        return status;
    }
    if (status == STRATUM_OK) {
        worker->count += document == &worker->documents[worker->count];
        document->id = ids.document;
        document->blob = fnv(FNV_START, contents.blob, contents.length);
        document->inputs = sum_of(contents.inputs, contents.count, ids.first_input);
        *changed = *document;
    }
    return status;
}

/* The last commits of the threads that the shared document shows, but for `own`. */
static int commits(const stratum_db *db, uint64_t shared, unsigned own, record *record) {
    stratum_result *result = NULL;
    const stratum_column *columns;
    size_t count, i;
    const char *between = "";
    if (!well("columns", stratum_view_columns(stratum_db_latest(db), shared, &result, NULL))) {
        return 0;
    }
    columns = stratum_result_columns(result, &count);
    say(record, "[");
    for (i = 0; i < count; i++) {
        char name[16] = {0};
        if (columns[i].name.length < sizeof name && columns[i].name.data[0] == 't') {
            memcpy(name, columns[i].name.data + 1, columns[i].name.length - 1);
            if ((unsigned)atoi(name) != own) {
                say(record, "%s%s=%" PRId64, between, name, columns[i].value.as.int64);
                between = ",";
            }
        }
    }
    say(record, "]");
    return stratum_result_free(&result) == STRATUM_OK;
}

static void commit(worker *worker) {
    static const int32_t durabilities[] = {STRATUM_DURABILITY_ALWAYS, STRATUM_DURABILITY_INTERVAL,
                                           STRATUM_DURABILITY_OS, STRATUM_DURABILITY_OS};
    stratum_commit_options options = {sizeof options, durabilities[next(&worker->random) % 4], 0};
    struct worker before = *worker;
    stratum_batch *batch = NULL;
    record record = {{0}, 0};
    document changed[CALLS];
    int deleted[CALLS];
    size_t calls = 1 + next(&worker->random) % CALLS, i, j;
    stratum_value number = stratum_value_int64(++worker->number);
    char name[16];
    int32_t status;

    before.number = worker->number;
    if (!well("batch", stratum_batch_create(worker->db, &batch, NULL))) {
        return;
    }
    for (i = 0; i < calls; i++) {
        if (!well("call", call(worker, batch, &changed[i], &deleted[i]))) {
            fail("a call of a batch failed");
        }
    }
    snprintf(name, sizeof name, "t%u", worker->name);
    if (!well("column", stratum_batch_set_column(batch, worker->shared, name, strlen(name), &number, NULL))) {
        fail("the shared document is gone");
    }
    say(&record, "\nintent %u %" PRId64 " ", worker->name, worker->number);
    if (!commits(worker->db, worker->shared, worker->name, &record)) {
        fail("the shared document cannot be read");
    }
    for (i = 0; i < calls; i++) {
        /* What a later call made of the document is what counts; one that was made and deleted never was. */
        int later = 0, was = 0;
        for (j = i + 1; j < calls; j++) {
            later |= changed[j].id == changed[i].id;
        }
        for (j = 0; j < before.count; j++) {
            was |= before.documents[j].id == changed[i].id;
        }
        if (!later && deleted[i] && was) {
            say(&record, " %" PRIu64 ":-", changed[i].id);
        } else if (!later && !deleted[i]) {
            say(&record, " %" PRIu64 ":%" PRIu64, changed[i].id, digest(&changed[i]));
        }
    }
    end(&record);
    status = stratum_batch_commit(&batch, &options, NULL, NULL);
    say(&record, "\nack %u %" PRId64 " %s", worker->name, worker->number, name_of(status));
    end(&record);
    if (status != STRATUM_OK) {
        uint64_t random = worker->random;
        *worker = before;
        worker->random = random;
    }
}

static void *work(void *argument) {
    worker *worker = argument;
    for (;;) {
        uint64_t choice = next(&worker->random) % 40;
        if (choice == 0) {
            well("flush", stratum_db_flush(worker->db, NULL));
        } else if (choice == 1) {
            well("checkpoint", stratum_db_checkpoint(worker->db, NULL));
        } else if (choice == 2) {
            well("compact_now", stratum_db_compact_now(worker->db, NULL, NULL, NULL));
        }
        commit(worker);
    }
    return NULL; /* for compilers that ask */
}

/* Reads everything, tells the journal, and gives each thread its documents. */
static uint64_t look(stratum_db *db, worker *workers) {
    static record record;
    static document documents[THREADS * (MOST + CALLS)];
    stratum_document_cursor *cursor = NULL;
    uint64_t id, shared = 0;
    size_t count = 0, i;
    int32_t status;
    say(&record, "\nopened ");
    if (!well("documents", stratum_view_documents(stratum_db_latest(db), 1, &cursor, NULL))) {
        exit(0);
    }
    while ((status = stratum_document_cursor_next(cursor, &id, NULL)) == STRATUM_OK) {
        stratum_tree *tree = NULL;
        const stratum_tree_desc *read;
        if (!well("tree", stratum_view_tree(stratum_db_latest(db), id, &tree, NULL))) {
            exit(0);
        }
        read = stratum_tree_get(tree);
        if (shared == 0 && stratum_columns_find(read->columns, read->column_count, "shared", 6) != NULL) {
            shared = id;
        } else if (count < sizeof documents / sizeof *documents) {
            documents[count].id = id;
            documents[count].blob = fnv(FNV_START, read->blob, read->blob_length);
            documents[count++].inputs = sum_of(read->inputs, read->input_count, 0);
        } else {
            fail("there are more documents than were ever made");
        }
        stratum_tree_free(&tree);
    }
    if (status != STRATUM_END || stratum_document_cursor_free(&cursor) != STRATUM_OK) {
        fail("the cursor did not come to an end");
    }
    if (shared == 0) {
        say(&record, "-");
    } else if (!commits(db, shared, UINT32_MAX, &record)) {
        exit(0);
    }
    for (i = 0; i < count; i++) {
        worker *owner = &workers[i % THREADS];
        say(&record, " %" PRIu64 ":%" PRIu64, documents[i].id, digest(&documents[i]));
        owner->documents[owner->count++] = documents[i];
    }
    end(&record);
    return shared;
}

static uint64_t make_shared(stratum_db *db) {
    stratum_column columns[2] = {column_of("shared", 0), column_of("t99", 1)};
    record record = {{0}, 0};
    uint64_t shared = 0;
    int32_t status;
    say(&record, "\nintent 99 1 [] ");
    end(&record);
    status = stratum_db_create_document(db, NULL, 0, columns, 2, &shared, NULL);
    say(&record, "\nack 99 1 %s", name_of(status));
    end(&record);
    return shared;
}

static stratum_db *open_store(const char *path, uint64_t seed) {
    static const char *sizes[] = {"400", "2000", "20000"};
    const char *size = sizes[seed % 3];
    stratum_options *options = NULL;
    stratum_db *db = NULL;
    if (stratum_options_create(&options, NULL) != STRATUM_OK ||
        stratum_options_set(options, "segment_size", 12, size, strlen(size), NULL) != STRATUM_OK ||
        stratum_options_set_checkpoint_bytes(options, 800, NULL) != STRATUM_OK ||
        stratum_options_set_fold_after(options, 1 + seed % 4, NULL) != STRATUM_OK ||
        stratum_options_set_sync_interval_ms(options, 3, NULL) != STRATUM_OK ||
        stratum_options_set_compression(options, (int32_t)(seed / 3 % 3), NULL) != STRATUM_OK ||
        stratum_options_set_read_mode(options, seed % 2 ? STRATUM_READ_MMAP : STRATUM_READ_PREAD, NULL) != STRATUM_OK) {
        fail("options");
    }
    well("open", stratum_db_open(path, strlen(path), options, &db, NULL));
    stratum_options_free(&options);
    return db;
}

int main(int argc, char **argv) {
    static worker workers[THREADS];
    record record = {{0}, 0};
    pthread_t thread;
    char line[2];
    unsigned i;
    stratum_db *db;
    uint64_t seed, shared;

    if (argc != 4 || (journal = open(argv[2], O_WRONLY | O_APPEND | O_CREAT, 0666)) < 0) {
        fail("usage: worker STORE JOURNAL SEED");
    }
    alarm(900);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    puts("worker: ready");
    fflush(stdout);
    if (read(0, line, 1) != 1) {
        fail("the parent is gone");
    }
    seed = strtoull(argv[3], NULL, 10);
    say(&record, "\nlife");
    end(&record);
    db = open_store(argv[1], seed);
    if (db == NULL) {
        return 0;
    }
    shared = look(db, workers);
    if (shared == 0 && (shared = make_shared(db)) == 0) {
        return 0;
    }
    for (i = 0; i < THREADS; i++) {
        workers[i].db = db;
        workers[i].name = i;
        workers[i].shared = shared;
        workers[i].random = seed * 31 + i;
        /* Numbers only have to rise: lives are told apart by their seeds, which do. */
        workers[i].number = (int64_t)(seed << 24);
    }
    if (pthread_create(&thread, NULL, work, &workers[1]) != 0) {
        fail("no thread");
    }
    work(&workers[0]);
    return 0;
}
