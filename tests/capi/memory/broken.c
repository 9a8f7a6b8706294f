/* A host with a bug of the named kind: leak, overrun, freed. Sanitizers and valgrind must see each of them, or what they
 * say of the other programs means nothing. */
#include "../c/check.h"

int main(int argc, char **argv) {
    stratum_options *options = NULL;
    stratum_db *db;
    stratum_tree *tree = NULL;
    const stratum_tree_desc *tree_desc;
    uint64_t document;
    char *blob = malloc(100);
    TRUE(argc == 3 && blob != NULL);
    memset(blob, 'x', 100);
    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_background(options, 0, &error));
    db = open_store(argv[1], "broken", options);
    /* one byte more than there is */
    OK(stratum_db_create_document(db, blob, strcmp(argv[2], "overrun") ? 100 : 101, NULL, 0, &document, &error));
    OK(stratum_view_tree(stratum_db_latest(db), document, &tree, &error));
    tree_desc = stratum_tree_get(tree);
    TRUE(((const char *)tree_desc->blob)[99] == 'x');
    TRUE(stratum_tree_free(&tree) == STRATUM_OK);
    if (strcmp(argv[2], "freed") == 0) {
        /* memory of the library's, given back; the blob itself lies in the mapped file, which no sanitizer watches */
        printf("%u\n", (unsigned)tree_desc->blob_length);
    }
    if (strcmp(argv[2], "leak") != 0) {
        free(blob);
    }
    blob = NULL;
    OK(stratum_db_close(&db, &error));
    TRUE(stratum_options_free(&options) == STRATUM_OK);
    return 0;
}
