/*
 * The store, and the packages in it.
 *
 * 1. Every status of the library is looked at; what is not success is said with the library's own text.
 * 2. A package is found by scanning for its columns: column indexes are no part of the library yet. Columns are read
 *    without the blobs and tests beside them.
 */
#ifndef STRATUM_ICPC_STORE_H
#define STRATUM_ICPC_STORE_H

#include "util.h"

/* 0 where the status is STRATUM_OK. Otherwise says what happened to `what`, frees the error, and is -1. */
int check(int32_t status, stratum_error **error, const char *what);

/* Opens a store, which is created where it is missing and may be. */
int store_open(stratum_db **db, const char *path, bool create);

/* Closes it; -1 where something could not be made durable. */
int store_close(stratum_db **db, const char *path);

/* A scan of all documents. Return 1 to go on, 0 to stop, -1 after a complaint. */
typedef int (*document_visitor)(const stratum_view *view, uint64_t document, void *context);
int store_scan(const stratum_view *view, document_visitor visit, void *context);

/* Reads a text column of a document into the arena; its data is NULL where there is none. */
int store_text(const stratum_view *view, uint64_t document, const char *column, struct arena *arena,
               struct stratum_text *text);

/* The document that holds a package, 0 where none does. */
int store_find_package(const stratum_view *view, const char *name, struct stratum_text uuid, uint64_t *document);

/* The document that a user means by a package's name or an id; complains where there is none. */
int store_find(const stratum_view *view, const char *name_or_id, uint64_t *document);

/* Opens a store that must be there and reads the tree that a user means. Both are to be given back. */
int store_open_tree(const char *path, const char *name_or_id, stratum_db **db, uint64_t *document, stratum_tree **tree);

#endif
