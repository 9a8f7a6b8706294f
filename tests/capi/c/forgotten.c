/* Handles that nobody freed: closing a store gives back what they kept of it, and they say so. What was read stays. */
#include <dirent.h>
#include <unistd.h>

#include "check.h"

/* How many of the process's descriptors lead into a directory. */
static int descriptors(const char *directory) {
    char path[4096], target[4096];
    DIR *open = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;
    TRUE(open != NULL);
    while ((entry = readdir(open)) != NULL) {
        ssize_t length;
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        count += strstr(target, directory) != NULL;
    }
    TRUE(closedir(open) == 0);
    return count;
}

/* How many mappings the process has of files in it. */
static int mappings(const char *directory) {
    char line[8192];
    FILE *maps = fopen("/proc/self/maps", "r");
    int count = 0;
    TRUE(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        count += strstr(line, directory) != NULL;
    }
    TRUE(fclose(maps) == 0);
    return count;
}

/* Opens the store, leaves a handle of each kind behind, and closes it. */
static void forget(const char *directory, const stratum_options *options) {
    stratum_db *db = open_store(directory, "forgotten", options);
    const stratum_view *latest = stratum_db_latest(db);
    stratum_view *snapshot = NULL;
    stratum_batch *batch = NULL;
    stratum_document_cursor *documents = NULL, *begun = NULL;
    stratum_input_cursor *inputs = NULL;
    stratum_pinned *pinned = NULL;
    const stratum_input *input;
    stratum_value value;
    uint64_t document, other, number;
    size_t count;
    int i;

    memset(&value, 0, sizeof value);
    value.kind = STRATUM_KIND_INT64;
    OK(stratum_db_create_document(db, S("a document"), NULL, 0, &document, &error));
    OK(stratum_db_append_input(db, document, &value, &number, &error));
    OK(stratum_db_snapshot(db, &snapshot, &error));
    OK(stratum_view_documents(latest, 0, &documents, &error));
    OK(stratum_view_documents(snapshot, 0, &begun, &error));
    OK(stratum_document_cursor_next(begun, &other, &error));
    OK(stratum_view_input_cursor(latest, document, &inputs, &error));
    OK(stratum_input_cursor_next(inputs, &input, &error));
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_set_blob(batch, document, S("never"), &error));
    OK(stratum_view_blob(latest, document, &pinned, &error));
    /* Nobody but these handles holds what this replaces. */
    for (i = 0; i < 3; i++) {
        OK(stratum_db_set_blob(db, document, S("another text"), &error));
    }
    OK(stratum_db_compact_now(db, NULL, NULL, &error));
    OK(stratum_db_close(&db, &error));

    IS(STRATUM_CLOSED, stratum_view_document_count(latest, &number, &error));
    IS(STRATUM_CLOSED, stratum_view_document_count(snapshot, &number, &error));
    IS(STRATUM_CLOSED, stratum_view_sequence(snapshot, &number, &error));
    IS(STRATUM_CLOSED, stratum_document_cursor_next(documents, &other, &error));
    IS(STRATUM_CLOSED, stratum_document_cursor_fill(begun, &other, 1, &count, &error));
    IS(STRATUM_CLOSED, stratum_document_cursor_seek(begun, 1, &error));
    IS(STRATUM_CLOSED, stratum_input_cursor_next(inputs, &input, &error));
    IS(STRATUM_CLOSED, stratum_batch_delete_document(batch, document, &error));
    IS(STRATUM_CLOSED, stratum_batch_size(batch, &number, NULL, &error));
    TRUE(stratum_pinned_length(pinned) == 10 && memcmp(stratum_pinned_data(pinned), "a document", 10) == 0);
    OK(stratum_pinned_free(&pinned));
}

int main(int argc, char **argv) {
    int mode, i;
    TRUE(argc == 2);
    for (mode = STRATUM_READ_MMAP; mode <= STRATUM_READ_PREAD; mode++) {
        stratum_options *options = NULL;
        OK(stratum_options_create(&options, &error));
        OK(stratum_options_set_read_mode(options, mode, &error));
        for (i = 0; i < 5; i++) {
            forget(argv[1], options);
            TRUE(descriptors(argv[1]) == 0);
            TRUE(mappings(argv[1]) == 0);
        }
        OK(stratum_options_free(&options));
    }
    return 0;
}
