/* Opening, scanning, finding. */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int check(int32_t status, stratum_error **error, const char *what)
{
    if (status == STRATUM_OK)
        return 0;
    if (*error != NULL)
        complain("%s: %s (%s)", what, stratum_error_message(*error), stratum_status_name(status));
    else
        complain("%s: %s", what, stratum_status_name(status));
    if (stratum_error_free(error) != STRATUM_OK)
        complain("%s: its error cannot be freed", what);
    return -1;
}

int store_open(stratum_db **db, const char *path, bool create)
{
    stratum_options *options = NULL;
    stratum_error *error = NULL;
    int result;

    *db = NULL;
    result = check(stratum_options_create(&options, &error), &error, path);
    if (result == 0)
        result = check(stratum_options_set_create(options, create, &error), &error, path);
    if (result == 0)
        result = check(stratum_db_open(path, strlen(path), options, db, &error), &error, path);
    if (stratum_options_free(&options) != STRATUM_OK)
        result = complain("%s: the options cannot be freed", path);
    return result;
}

int store_close(stratum_db **db, const char *path)
{
    stratum_error *error = NULL;
    return check(stratum_db_close(db, &error), &error, path);
}

int store_scan(const stratum_view *view, document_visitor visit, void *context)
{
    stratum_document_cursor *cursor = NULL;
    stratum_error *error = NULL;
    uint64_t document;
    int going;

    if (check(stratum_view_documents(view, 0, &cursor, &error), &error, "the documents cannot be listed") != 0)
        return -1;
    do {
        int32_t status = stratum_document_cursor_next(cursor, &document, &error);
        if (status == STRATUM_END)
            going = 0;
        else if (check(status, &error, "the documents cannot be listed") != 0)
            going = -1;
        else
            going = visit(view, document, context);
    } while (going > 0);
    if (stratum_document_cursor_free(&cursor) != STRATUM_OK)
        going = complain("the cursor cannot be freed");
    return going;
}

int store_text(const stratum_view *view, uint64_t document, const char *column, struct arena *arena,
               struct stratum_text *text)
{
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_column(view, document, column, strlen(column), &result, &error);

    text->data = NULL;
    text->length = 0;
    if (status == STRATUM_NOT_FOUND)
        return 0;
    if (check(status, &error, column) != 0)
        return -1;
    if (bytes_of_value(stratum_result_value(result), text))
        text->data = text_copy(arena, *text);
    return stratum_result_free(&result) == STRATUM_OK ? 0 : complain("%s: the result cannot be freed", column);
}

struct search {
    struct stratum_text name;
    struct stratum_text uuid;
    uint64_t by_name;
    uint64_t by_uuid;
};

static int compare_document(const stratum_view *view, uint64_t document, void *context)
{
    struct search *search = context;
    struct arena arena = {NULL};
    struct stratum_text name, uuid;
    int result = 1;

    if (store_text(view, document, "package", &arena, &name) != 0 ||
        store_text(view, document, "uuid", &arena, &uuid) != 0) {
        result = -1;
    } else if (name.data != NULL) {
        if (text_equal(name, search->name))
            search->by_name = document;
        if (search->uuid.length > 0 && text_equal(uuid, search->uuid))
            search->by_uuid = document;
    }
    arena_free(&arena);
    return result;
}

/* A package that was renamed is known by its uuid, one that got a new uuid by its name. */
int store_find_package(const stratum_view *view, const char *name, struct stratum_text uuid, uint64_t *document)
{
    struct search search = {{NULL, 0}, {NULL, 0}, 0, 0};

    search.name = text_of(name);
    search.uuid = uuid;
    if (store_scan(view, compare_document, &search) != 0)
        return -1;
    if (search.by_name != 0 && search.by_uuid != 0 && search.by_name != search.by_uuid)
        return complain("%s: document %" PRIu64 " has its name, but document %" PRIu64 " has its uuid: "
                        "rename the package, or give it a uuid of its own", name, search.by_name, search.by_uuid);
    *document = search.by_uuid != 0 ? search.by_uuid : search.by_name;
    return 0;
}

int store_find(const stratum_view *view, const char *name_or_id, uint64_t *document)
{
    struct stratum_text none = {NULL, 0};
    stratum_error *error = NULL;
    int32_t exists = 0;
    uintmax_t id;
    char *end;

    if (store_find_package(view, name_or_id, none, document) != 0)
        return -1;
    if (*document != 0)
        return 0;
    errno = 0;
    id = strtoumax(name_or_id, &end, 10);
    if (name_or_id[0] >= '0' && name_or_id[0] <= '9' && *end == '\0' && errno == 0 && id > 0 && id <= UINT64_MAX) {
        if (check(stratum_view_exists(view, (uint64_t)id, &exists, &error), &error, name_or_id) != 0)
            return -1;
        *document = (uint64_t)id;
    }
    return exists ? 0 : complain("%s: no package of that name in the store, and no document of that id", name_or_id);
}

int store_open_tree(const char *path, const char *name_or_id, stratum_db **db, uint64_t *document, stratum_tree **tree)
{
    stratum_error *error = NULL;
    const stratum_view *view;

    *tree = NULL;
    if (store_open(db, path, false) != 0)
        return -1;
    view = stratum_db_latest(*db);
    if (store_find(view, name_or_id, document) != 0)
        return -1;
    return check(stratum_view_tree(view, *document, tree, &error), &error, name_or_id);
}
