/* The store as a whole: options, open and its refusals, durability, compaction with progress, figures, the full check,
 * close and reopen. */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char path[4096];

static size_t path_to(const char *directory, const char *name) {
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    TRUE(length > 0 && (size_t)length < sizeof path);
    return (size_t)length;
}

static void options(const char *directory) {
    stratum_options *options = NULL;
    stratum_db *db = NULL;
    size_t length = path_to(directory, "options");

    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_create(options, 0, &error));
    IS(STRATUM_OPEN_REFUSED, stratum_db_open(path, length, options, &db, &error));
    TRUE(db == NULL);
    OK(stratum_options_set_create(options, 1, &error));
    OK(stratum_options_set_exclusive(options, 0, &error));
    OK(stratum_options_set_durability(options, STRATUM_DURABILITY_INTERVAL, &error));
    OK(stratum_options_set_sync_interval_ms(options, 20, &error));
    OK(stratum_options_set_read_mode(options, STRATUM_READ_PREAD, &error));
    OK(stratum_options_set_verify_reads(options, 1, &error));
    OK(stratum_options_set_segment_size(options, 1 << 20, &error));
    OK(stratum_options_set_max_record_bytes(options, 1 << 16, &error));
    OK(stratum_options_set_max_batch_bytes(options, 1 << 18, &error));
    OK(stratum_options_set_background(options, 1, &error));
    OK(stratum_options_set_max_amplification(options, 2.0, &error));
    OK(stratum_options_set_checkpoint_bytes(options, 1 << 20, &error));
    OK(stratum_options_set_fold_after(options, 4, &error));
    OK(stratum_options_set_compaction_bytes_per_second(options, UINT64_MAX, &error));
    OK(stratum_options_set(options, S("compaction_bytes_per_second"), S("0"), &error));
    OK(stratum_options_set_max_retained_bytes(options, UINT64_MAX, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set_durability(options, 0, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set_read_mode(options, 3, &error));
    OK(stratum_options_set_compression(options, STRATUM_COMPRESSION_LZ4, &error));
    OK(stratum_options_set_compression(options, STRATUM_COMPRESSION_ZSTD, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set_compression(options, 3, &error));
    OK(stratum_options_set(options, S("compression"), S("none"), &error));
    OK(stratum_options_set(options, S("compression"), S("lz4"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("compression"), S("gzip"), &error));
    OK(stratum_options_set(options, S("compression"), S("zstd"), &error));
    OK(stratum_options_set(options, S("segment_size"), S("2097152"), &error));
    OK(stratum_options_set(options, S("durability"), S("os"), &error));
    OK(stratum_options_set(options, S("read_mode"), S("pread"), &error));
    OK(stratum_options_set(options, S("background"), S("false"), &error));
    OK(stratum_options_set(options, S("max_amplification"), S("1.75"), &error));
    OK(stratum_options_set(options, S("sync_interval_ms"), S("50"), &error));
    OK(stratum_options_set(options, S("fold_after"), S("5"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("colour"), S("red"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("segment_size"), S("64MB"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("fold_after"), S("4294967296"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("background"), S("maybe"), &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_set(options, S("max_amplification"), S("much"), &error));
    OK(stratum_db_open(path, length, options, &db, &error));
    {
        static char large[(1 << 16) + 1];
        uint64_t document;
        OK(stratum_db_create_document(db, large, 1 << 15, NULL, 0, &document, &error));
        IS(STRATUM_TOO_LARGE, stratum_db_create_document(db, large, sizeof large, NULL, 0, &document, &error));
        IS(STRATUM_TOO_LARGE, stratum_db_set_blob(db, document, large, sizeof large, &error));
    }
    OK(stratum_db_close(&db, &error));
    OK(stratum_options_set_exclusive(options, 1, &error));
    IS(STRATUM_OPEN_REFUSED, stratum_db_open(path, length, options, &db, &error));
    OK(stratum_options_set_exclusive(options, 0, &error));
    OK(stratum_options_set_segment_size(options, 1, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_open(path, length, options, &db, &error));
    OK(stratum_options_free(&options));
    OK(stratum_options_free(&options));
}

static void refusals(const char *directory) {
    stratum_db *db = open_store(directory, "locked", NULL), *second = NULL;
    size_t length = path_to(directory, "locked");
    FILE *file;

    IS(STRATUM_LOCKED, stratum_db_open(path, length, NULL, &second, &error));
    TRUE(second == NULL);
    OK(stratum_db_close(&db, &error));
    OK(stratum_db_open(path, length, NULL, &db, &error));
    OK(stratum_db_close(&db, &error));

    length = path_to(directory, "foreign");
    TRUE(mkdir(path, 0777) == 0);
    path_to(directory, "foreign/letter.txt");
    file = fopen(path, "w");
    TRUE(file != NULL && fputs("dear", file) >= 0 && fclose(file) == 0);
    path_to(directory, "foreign");
    IS(STRATUM_NOT_A_STORE, stratum_db_open(path, length, NULL, &db, &error));

    length = path_to(directory, "foreign/letter.txt/below");
    TRUE(stratum_db_open(path, length, NULL, &db, &error) >= 20);
    TRUE(error != NULL && strstr(stratum_error_message(error), "letter.txt") != NULL);
    TRUE(stratum_error_os_errno(error) > 0);
    OK(stratum_error_free(&error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_open("", 0, NULL, &db, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_open(S("a\0b"), NULL, &db, &error));
    TRUE(db == NULL);
}

typedef struct watched {
    stratum_db *db;
    uint64_t document;
    int calls;
    int go_on;
} watched;

/* Inside a callback a store can be read, and nothing else. */
static int32_t watch(const stratum_progress *progress, void *context) {
    watched *watching = context;
    stratum_db *same = watching->db;
    stratum_batch *batch = NULL;
    stratum_report *report = NULL;
    int32_t exists = 0;

    TRUE(progress != NULL && progress->struct_size == sizeof *progress);
    TRUE(progress->segments_done <= progress->segments_total);
    watching->calls++;
    OK(stratum_view_exists(stratum_db_latest(watching->db), watching->document, &exists, &error));
    TRUE(exists == 1);
    IS(STRATUM_BUSY, stratum_db_set_blob(watching->db, watching->document, S("x"), &error));
    IS(STRATUM_BUSY, stratum_db_flush(watching->db, &error));
    IS(STRATUM_BUSY, stratum_db_checkpoint(watching->db, &error));
    IS(STRATUM_BUSY, stratum_db_compact_now(watching->db, NULL, NULL, &error));
    IS(STRATUM_BUSY, stratum_db_verify(watching->db, &report, &error));
    TRUE(report == NULL);
    IS(STRATUM_BUSY, stratum_db_close(&same, &error));
    TRUE(same == watching->db);
    OK(stratum_batch_create(watching->db, &batch, &error));
    OK(stratum_batch_set_blob(batch, watching->document, S("x"), &error));
    IS(STRATUM_BUSY, stratum_batch_commit(&batch, NULL, NULL, &error));
    TRUE(batch != NULL);
    OK(stratum_batch_free(&batch));
    return watching->go_on;
}

static void housekeeping(const char *directory) {
    stratum_options *options = NULL;
    stratum_db *db;
    stratum_stats stats;
    stratum_report *report = NULL;
    const stratum_findings *findings;
    watched watching;
    static char blob[20000];
    uint64_t documents[200], count, garbage;
    size_t i;

    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_segment_size(options, 256 << 10, &error));
    OK(stratum_options_set_background(options, 0, &error));
    OK(stratum_options_set_durability(options, STRATUM_DURABILITY_OS, &error));
    OK(stratum_options_set_compaction_bytes_per_second(options, 512 << 10, &error));
    db = open_store(directory, "housekeeping", options);
    for (i = 0; i < 200; i++) {
        memset(blob, 'a' + (int)(i % 26), sizeof blob);
        OK(stratum_db_create_document(db, blob, sizeof blob, NULL, 0, &documents[i], &error));
    }
    for (i = 0; i < 200; i++) {
        if (i % 10 != 0) {
            OK(stratum_db_delete_document(db, documents[i], &error));
        }
    }
    OK(stratum_db_flush(db, &error));
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(stratum_db_stats(db, &stats, &error));
    TRUE(stats.struct_size == sizeof stats && stats.documents == 20 && stats.segments > 1 && stats.commits == 380);
    TRUE(stats.total_bytes >= stats.live_bytes && stats.garbage_bytes > 0 && stats.amplification > 1.0);
    TRUE(stats.sequence > 0 && stats.durable_sequence == stats.sequence && stats.poisoned == 0);
    garbage = stats.garbage_bytes;

    watching.db = db;
    watching.document = documents[0];
    watching.calls = 0;
    watching.go_on = 0;
    OK(stratum_db_compact_now(db, watch, &watching, &error));
    TRUE(watching.calls == 1);
    watching.go_on = 1;
    OK(stratum_db_compact_now(db, watch, &watching, &error));
    TRUE(watching.calls > 1);
    OK(stratum_db_stats(db, &stats, &error));
    TRUE(stats.compactions > 0 && stats.garbage_bytes < garbage);
    TRUE(stats.compaction_bytes_written > 20 * sizeof blob && stats.compaction_throttled_us > 0);
    OK(stratum_db_checkpoint(db, &error));
    OK(stratum_db_stats(db, &stats, &error));
    TRUE(stats.checkpoint_sequence > 0);

    OK(stratum_db_verify(db, &report, &error));
    findings = stratum_report_get(report);
    TRUE(findings != NULL && findings->struct_size == sizeof *findings);
    TRUE(findings->damage_count == 0 && findings->damage != NULL && findings->documents == 20);
    OK(stratum_report_free(&report));
    OK(stratum_db_close(&db, &error));

    db = open_store(directory, "housekeeping", options);
    OK(stratum_view_document_count(stratum_db_latest(db), &count, &error));
    TRUE(count == 20);
    OK(stratum_db_stats(db, &stats, &error));
    TRUE(stats.opened_from_checkpoint == 1);
    OK(stratum_db_close(&db, &error));
    OK(stratum_options_free(&options));
}

/* A child process cannot use the store of its parent. */
static void forked(const char *directory) {
    stratum_db *db = open_store(directory, "forked", NULL);
    uint64_t document;
    pid_t child;
    int status = 0;
    int32_t exists = 0;

    OK(stratum_db_create_document(db, S("parent"), NULL, 0, &document, &error));
    child = fork();
    TRUE(child >= 0);
    if (child == 0) {
        IS(STRATUM_FORKED, stratum_db_set_blob(db, document, S("child"), &error));
        IS(STRATUM_FORKED, stratum_view_exists(stratum_db_latest(db), document, &exists, &error));
        OK(stratum_db_close(&db, &error)); /* of the child's copy of the handle */
        /* ends as another program, beyond valgrind: a child has always lost what its parent's other threads held */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    TRUE(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(stratum_db_set_blob(db, document, S("parent still"), &error));
    OK(stratum_view_exists(stratum_db_latest(db), document, &exists, &error));
    TRUE(exists == 1);
    OK(stratum_db_close(&db, &error));
}

int main(int argc, char **argv) {
    TRUE(argc == 2);
    TRUE(strcmp(stratum_version(), "0.1.0") == 0 && STRATUM_VERSION_MAJOR == 0 && STRATUM_VERSION_MINOR == 1);
    TRUE(strcmp(stratum_status_name(STRATUM_LOCKED), "STRATUM_LOCKED") == 0);
    TRUE(strcmp(stratum_status_name(-7), "STRATUM_UNKNOWN") == 0);
    options(argv[1]);
    refusals(argv[1]);
    housekeeping(argv[1]);
    forked(argv[1]);
    return 0;
}
