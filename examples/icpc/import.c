/* `import`: packages into the store, each as one atomic tree. */
#include "commands.h"
#include "package.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>

/* Puts the tree, or replaces the one that the package already has. */
static int put(stratum_db *db, const struct package *package)
{
    struct stratum_tree_desc tree = package_tree(package);
    struct stratum_tree_ids ids = {0, 0, 0};
    stratum_error *error = NULL;
    uint64_t document = 0;
    int32_t status;

    if (store_find_package(stratum_db_latest(db), package->name, package->uuid, &document) != 0)
        return -1;
    status = document == 0 ? stratum_db_put_tree(db, &tree, &ids, &error)
                           : stratum_db_replace_tree(db, document, &tree, &ids, &error);
    if (check(status, &error, package->directory) != 0)
        return -1;
    printf("%s: document %" PRIu64 " %s, %" PRIu64 " inputs\n", package->name, ids.document,
           document == 0 ? "created" : "replaced", ids.input_count);
    return 0;
}

int command_import(const char *store, char *const *directories, int count)
{
    stratum_db *db;
    int at, refused = 0, result;

    result = store_open(&db, store, true);
    for (at = 0; result == 0 && at < count; at++) {
        struct package package;
        if (package_read(&package, directories[at]) != 0 || put(db, &package) != 0) {
            complain("%s: not imported", directories[at]);
            refused++;
        }
        package_free(&package);
    }
    if (store_close(&db, store) != 0 || result != 0)
        return EXIT_TROUBLE;
    return refused == 0 ? EXIT_DONE : EXIT_NO;
}
