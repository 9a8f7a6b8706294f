/* A program that uses an installed Stratum: writes a document, closes the store, opens it again, reads it back. */
#include <stdio.h>
#include <string.h>

#include <stratum.h>

static stratum_error *error;

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, stratum_error_message(error));
    stratum_error_free(&error);
    return 1;
}

int main(int argc, char **argv) {
    stratum_db *db = NULL;
    uint64_t document;
    char blob[16];
    size_t length = 0;

    if (argc != 2) {
        return 2;
    }
    if (stratum_db_open(argv[1], strlen(argv[1]), NULL, &db, &error) != STRATUM_OK ||
        stratum_db_create_document(db, "hello", 5, NULL, 0, &document, &error) != STRATUM_OK ||
        stratum_db_close(&db, &error) != STRATUM_OK) {
        return failed("write");
    }
    if (stratum_db_open(argv[1], strlen(argv[1]), NULL, &db, &error) != STRATUM_OK ||
        stratum_view_read_blob(stratum_db_latest(db), document, blob, sizeof blob, &length, &error) != STRATUM_OK ||
        stratum_db_close(&db, &error) != STRATUM_OK) {
        return failed("read");
    }
    return length == 5 && memcmp(blob, "hello", 5) == 0 ? 0 : 1;
}
