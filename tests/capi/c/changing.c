/* What the host hands in is lent for the call and must not change in it. Where a thread of the host changes it all the
 * same, either content may be what is stored, or a mixture: but what is stored checks out. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

#define LARGE (1 << 20)
#define SMALL 60000

/* The blobs, 8-aligned, and the place in them that changes. */
static uint64_t words[(LARGE + 4096) / 8];
static atomic_int ended;
static unsigned char *changing;
static size_t changes_within;

/* Changes single bits until it is told to end, all over what changes. */
static void *change(void *context) {
    uint64_t state = 88172645463325252u;
    (void)context;
    while (!atomic_load_explicit(&ended, memory_order_relaxed)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        /* one place stays what it is for as long as it takes to check all of them */
        if (changes_within > 1 || state % 1024 == 0) {
            __atomic_fetch_xor(&changing[state % changes_within], 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void during(void (*writes)(stratum_db *, uint64_t), stratum_db *db, uint64_t document, unsigned char *begin,
                   size_t length) {
    pthread_t thread;
    stratum_report *report = NULL;
    changing = begin;
    changes_within = length;
    atomic_store(&ended, 0);
    TRUE(pthread_create(&thread, NULL, change, NULL) == 0);
    writes(db, document);
    atomic_store(&ended, 1);
    TRUE(pthread_join(thread, NULL) == 0);
    OK(stratum_db_verify(db, &report, &error));
    TRUE(stratum_report_get(report)->damage_count == 0);
    OK(stratum_report_free(&report));
}

/* For as long as a thread that changes something needs to begin, and then some; twice at least. */
static int goes_on(struct timespec *begin, int turn) {
    struct timespec now;
    TRUE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    if (turn == 0) {
        *begin = now;
    }
    return turn < 2 || (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000 < 500;
}

static void large_blobs(stratum_db *db, uint64_t document) {
    struct timespec begin;
    int i;
    for (i = 0; goes_on(&begin, i); i++) {
        OK(stratum_db_set_blob(db, document, words, LARGE, &error));
        OK(stratum_db_create_document(db, words, LARGE, NULL, 0, NULL, &error));
    }
}

static void small_blobs(stratum_db *db, uint64_t document) {
    struct timespec begin;
    int i;
    for (i = 0; goes_on(&begin, i); i++) {
        OK(stratum_db_set_blob(db, document, words, SMALL, &error));
        OK(stratum_db_create_document(db, words, SMALL, NULL, 0, NULL, &error));
    }
}

/* Trees in their packed form: well-formed now, and not then. */
static size_t packed_length;

static void packed(stratum_db *db, uint64_t document) {
    struct timespec begin;
    int i;
    for (i = 0; goes_on(&begin, i); i++) {
        int32_t put = stratum_db_put_packed(db, words, packed_length, NULL, NULL);
        int32_t replaced = stratum_db_replace_packed(db, document, words, packed_length, NULL, NULL);
        TRUE(put == STRATUM_OK || put == STRATUM_INVALID_ARGUMENT);
        TRUE(replaced == STRATUM_OK || replaced == STRATUM_INVALID_ARGUMENT);
    }
}

/* Lets the words hold a packed tree with a blob of so many bytes, and gives where it is in them. */
static unsigned char *pack(stratum_db *db, size_t blob_length, uint64_t *document) {
    static const char begin[] = "the blob begins here";
    stratum_pinned *pinned = NULL;
    stratum_value value = stratum_value_string(S("a value"));
    unsigned char *bytes = (unsigned char *)words;
    size_t at = 0;
    memcpy(words, begin, sizeof begin);
    OK(stratum_db_create_document(db, words, blob_length, NULL, 0, document, &error));
    OK(stratum_db_append_input(db, *document, &value, NULL, &error));
    OK(stratum_view_packed_tree(stratum_db_latest(db), *document, &pinned, &error));
    packed_length = stratum_pinned_length(pinned);
    TRUE(packed_length <= sizeof words);
    memcpy(words, stratum_pinned_data(pinned), packed_length);
    OK(stratum_pinned_free(&pinned));
    while (memcmp(bytes + at, begin, sizeof begin) != 0) {
        at += 8;
        TRUE(at + blob_length <= packed_length);
    }
    return bytes + at;
}

/* A text whose last letter is a whole one now, and half of one then. */
static char text[60000];

static void *cut(void *context) {
    int i;
    (void)context;
    for (i = 0; !atomic_load_explicit(&ended, memory_order_relaxed); i++) {
        /* each for as long as it takes to look through the text */
        __atomic_store_n(&text[sizeof text - 2], i & 1024 ? 0xc3 : 'a', __ATOMIC_RELAXED);
    }
    return NULL;
}

static void texts(stratum_db *db, uint64_t document) {
    pthread_t thread;
    stratum_report *report = NULL;
    struct timespec begin;
    int i;
    memset(text, 'a', sizeof text);
    atomic_store(&ended, 0);
    TRUE(pthread_create(&thread, NULL, cut, NULL) == 0);
    for (i = 0; goes_on(&begin, i); i++) {
        stratum_value value = stratum_value_string(text, sizeof text);
        stratum_column column = column_of("name", stratum_value_int64(1));
        int32_t status = stratum_db_append_input(db, document, &value, NULL, NULL);
        TRUE(status == STRATUM_OK || status == STRATUM_INVALID_ARGUMENT);
        column.name.data = text + sizeof text - 100;
        column.name.length = 100;
        status = stratum_db_create_document(db, NULL, 0, &column, 1, NULL, NULL);
        TRUE(status == STRATUM_OK || status == STRATUM_INVALID_ARGUMENT);
        status = stratum_db_set_column(db, document, column.name.data, column.name.length, &column.value, NULL);
        TRUE(status == STRATUM_OK || status == STRATUM_INVALID_ARGUMENT);
    }
    atomic_store(&ended, 1);
    TRUE(pthread_join(thread, NULL) == 0);
    OK(stratum_db_verify(db, &report, &error));
    TRUE(stratum_report_get(report)->damage_count == 0);
    OK(stratum_report_free(&report));
}

int main(int argc, char **argv) {
    stratum_options *options = NULL;
    stratum_db *db;
    unsigned char *blob;
    uint64_t document;

    TRUE(argc == 2);
    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_durability(options, STRATUM_DURABILITY_OS, &error));
    OK(stratum_options_set_background(options, 0, &error));
    db = open_store(argv[1], "changing", options);
    OK(stratum_options_free(&options));
    OK(stratum_db_create_document(db, S("x"), NULL, 0, &document, &error));
    during(large_blobs, db, document, (unsigned char *)words, LARGE);
    during(small_blobs, db, document, (unsigned char *)words, SMALL);
    blob = pack(db, SMALL, &document);
    during(packed, db, document, blob + SMALL / 2, 1);
    blob = pack(db, LARGE / 2, &document);
    during(packed, db, document, blob + LARGE / 4, 1);
    texts(db, document);
    OK(stratum_db_close(&db, &error));
    return 0;
}
