/* A program with a race, which ThreadSanitizer must report: two threads have the library write into the same buffer. That
 * it is seen says that the library's own code is watched, and not the program's alone. */
#include <pthread.h>

#include "check.h"

static const stratum_view *latest;
static uint64_t document;
static char buffer[64];
/* Both are there for as long as either reads: of two threads of which one follows the other there may be traces in the
 * library, and with them an order. So there is where one read ends before the other begins, as on a machine with much else
 * to do; of many rounds, some overlap. */
static pthread_barrier_t begun, done;
enum { ROUNDS = 1000 };

static void *read_into_it(void *context) {
    size_t length;
    int round;
    (void)context;
    for (round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&begun);
        TRUE(stratum_view_read_blob(latest, document, buffer, sizeof buffer, &length, NULL) == STRATUM_OK);
        pthread_barrier_wait(&done);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[2];
    unsigned i;
    stratum_db *db;
    TRUE(argc == 2);
    db = open_store(argv[1], "race", NULL);
    latest = stratum_db_latest(db);
    OK(stratum_db_create_document(db, S("a blob that is copied"), NULL, 0, &document, &error));
    TRUE(pthread_barrier_init(&begun, NULL, 2) == 0 && pthread_barrier_init(&done, NULL, 2) == 0);
    for (i = 0; i < 2; i++) {
        TRUE(pthread_create(&threads[i], NULL, read_into_it, NULL) == 0);
    }
    for (i = 0; i < 2; i++) {
        TRUE(pthread_join(threads[i], NULL) == 0);
    }
    TRUE(pthread_barrier_destroy(&begun) == 0 && pthread_barrier_destroy(&done) == 0);
    OK(stratum_db_close(&db, &error));
    return 0;
}
