/* Repair: a store that is damaged behind the library's back, saved into a new one; the report, the refusals. */
#include "check.h"

#include <dirent.h>
#include <unistd.h>

static uint64_t documents[3];

static void path_of(char *path, size_t size, const char *directory, const char *name) {
    int length = snprintf(path, size, "%s/%s", directory, name);
    TRUE(length > 0 && (size_t)length < size);
}

/* Three documents with a blob each, the second with a text that is easily found in the file. */
static void make(const char *directory, const char *name) {
    stratum_db *db = open_store(directory, name, NULL);
    OK(stratum_db_create_document(db, S("first blob"), NULL, 0, &documents[0], &error));
    OK(stratum_db_create_document(db, S("second blob"), NULL, 0, &documents[1], &error));
    OK(stratum_db_create_document(db, S("third blob"), NULL, 0, &documents[2], &error));
    OK(stratum_db_close(&db, &error));
}

/* Changes one byte where a text stands in any file of a store. */
static void damage(const char *store, const char *text) {
    static char bytes[1 << 20];
    size_t length, at, found = 0, text_length = strlen(text);
    struct dirent *entry;
    DIR *folder = opendir(store);
    TRUE(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];
        FILE *file;
        if (strncmp(entry->d_name, "segment-", 8) != 0) {
            continue;
        }
        path_of(path, sizeof path, store, entry->d_name);
        file = fopen(path, "r+b");
        TRUE(file != NULL);
        length = fread(bytes, 1, sizeof bytes, file);
        for (at = 0; at + text_length <= length; at++) {
            if (memcmp(bytes + at, text, text_length) == 0) {
                TRUE(fseek(file, (long)at, SEEK_SET) == 0 && fputc(text[0] ^ 1, file) != EOF);
                found++;
            }
        }
        TRUE(fclose(file) == 0);
    }
    TRUE(closedir(folder) == 0 && found > 0);
}

static int32_t watch(const stratum_repair_progress *progress, void *context) {
    int *calls = context;
    TRUE(progress != NULL && progress->struct_size == sizeof *progress);
    TRUE(progress->bytes_done <= progress->bytes_total && progress->bytes_total > 0);
    return (*calls)-- > 0;
}

static stratum_repair_options defaults(void) {
    stratum_repair_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    return options;
}

static void undamaged(const char *source, const char *target) {
    stratum_repair_report *report = NULL;
    const stratum_repair_result *result;

    OK(stratum_repair(source, strlen(source), target, strlen(target), NULL, &report, &error));
    result = stratum_repair_report_get(report);
    TRUE(result != NULL && result->struct_size == sizeof *result && result->outcome == STRATUM_REPAIR_WRITTEN);
    TRUE(result->is_lossless == 1 && result->is_uncertain == 0 && result->finding_count == 0);
    TRUE(result->findings != NULL && result->documents_whole == 3 && result->next_document > documents[2]);
    OK(stratum_repair_report_free(&report));
    TRUE(report == NULL && stratum_repair_report_get(report) == NULL);
    IS(STRATUM_OPEN_REFUSED, stratum_repair(source, strlen(source), target, strlen(target), NULL, &report, &error));
    TRUE(report == NULL);
}

static void damaged(const char *directory, const char *source, const char *target, const char *name) {
    stratum_repair_options options = defaults();
    stratum_repair_report *report = NULL;
    const stratum_repair_result *result;
    stratum_db *db;
    stratum_pinned *blob = NULL;
    size_t at, named = 0;
    int32_t exists = 0;

    options.dry_run = 1;
    OK(stratum_repair(source, strlen(source), NULL, 0, &options, &report, &error));
    result = stratum_repair_report_get(report);
    TRUE(result->outcome == STRATUM_REPAIR_DRY_RUN && result->is_lossless == 0 && result->finding_count > 0);
    OK(stratum_repair_report_free(&report));
    TRUE(access(target, F_OK) != 0);

    options.dry_run = 0;
    options.segment_size = 1000;
    options.merge_limit = 1 << 20;
    OK(stratum_repair(source, strlen(source), target, strlen(target), &options, &report, &error));
    result = stratum_repair_report_get(report);
    TRUE(result->documents_whole == 2 && result->documents_in_part == 1 && result->documents_lost == 0);
    for (at = 0; at < result->finding_count; at++) {
        const stratum_finding *finding = &result->findings[at];
        TRUE(finding->line.length > 0 && finding->file.data != NULL);
        if (finding->kind == STRATUM_FINDING_BLOB_LOST) {
            TRUE(finding->is_loss == 1 && finding->document == documents[1]);
            named++;
        }
        if (finding->kind == STRATUM_FINDING_RECORD_DAMAGED) {
            TRUE(finding->is_loss == 0 && finding->length > 0 && finding->file.length > 0 && finding->sequence == 2);
            named++;
        }
    }
    TRUE(named == 2);
    OK(stratum_repair_report_free(&report));

    db = open_store(directory, name, NULL);
    OK(stratum_view_exists(stratum_db_latest(db), documents[1], &exists, &error));
    TRUE(exists == 1);
    OK(stratum_view_blob(stratum_db_latest(db), documents[2], &blob, &error));
    TRUE(stratum_pinned_length(blob) == 10 && memcmp(stratum_pinned_data(blob), "third blob", 10) == 0);
    OK(stratum_pinned_free(&blob));
    OK(stratum_db_close(&db, &error));
}

static void stopped(const char *source, const char *target) {
    stratum_repair_options options = defaults();
    stratum_repair_report *report = NULL;
    int calls = 1;

    options.progress = watch;
    options.context = &calls;
    OK(stratum_repair(source, strlen(source), target, strlen(target), &options, &report, &error));
    TRUE(stratum_repair_report_get(report)->outcome == STRATUM_REPAIR_STOPPED);
    OK(stratum_repair_report_free(&report));
    calls = 1000;
    OK(stratum_repair(source, strlen(source), target, strlen(target), &options, &report, &error));
    TRUE(stratum_repair_report_get(report)->outcome == STRATUM_REPAIR_WRITTEN && calls < 1000);
    OK(stratum_repair_report_free(&report));
}

static void refused(const char *directory, const char *source) {
    stratum_repair_options options = defaults();
    stratum_repair_report *report = NULL;
    stratum_db *db = open_store(directory, "source", NULL);
    char nowhere[4096];

    path_of(nowhere, sizeof nowhere, directory, "nowhere");
    IS(STRATUM_LOCKED, stratum_repair(source, strlen(source), S("x"), NULL, &report, &error));
    OK(stratum_db_close(&db, &error));
    IS(STRATUM_IO, stratum_repair(nowhere, strlen(nowhere), S("x"), NULL, &report, &error));
    IS(STRATUM_NOT_A_STORE, stratum_repair(directory, strlen(directory), S("x"), NULL, &report, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(NULL, 4, S("x"), NULL, &report, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(source, strlen(source), NULL, 0, NULL, &report, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(source, strlen(source), S("a\0b"), NULL, &report, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(source, strlen(source), S("x"), NULL, NULL, &error));
    options.segment_size = 1;
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(source, strlen(source), nowhere, strlen(nowhere), &options, &report, &error));
    options.struct_size = 1;
    IS(STRATUM_INVALID_ARGUMENT, stratum_repair(source, strlen(source), nowhere, strlen(nowhere), &options, &report, &error));
    TRUE(report == NULL && stratum_repair_report_free(&report) == STRATUM_OK);
    TRUE(access("x", F_OK) != 0 && access(nowhere, F_OK) != 0);
}

int main(int count, char **arguments) {
    char source[4096], copy[4096], target[4096], again[4096];
    TRUE(count == 2);
    path_of(source, sizeof source, arguments[1], "source");
    path_of(copy, sizeof copy, arguments[1], "copy");
    path_of(target, sizeof target, arguments[1], "target");
    path_of(again, sizeof again, arguments[1], "again");
    make(arguments[1], "source");
    undamaged(source, copy);
    refused(arguments[1], source);
    damage(source, "second blob");
    damaged(arguments[1], source, target, "target");
    stopped(source, again);
    return 0;
}
