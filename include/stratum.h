/* ---- Stores ---------------------------------------------------------------------------------------------- */

/**
 * @file stratum.h
 * Stratum: an embedded, log-structured, hierarchical storage engine.
 *
 * A document is a blob with named columns, an ordered chain of inputs (typed values), and for each input at most one
 * output (a typed value). Whole trees are written and read in one call.
 *
 *     stratum_db *db = NULL;
 *     stratum_error *error = NULL;
 *     uint64_t document, input;
 *     stratum_value in = stratum_value_string("2 3", 3), out = stratum_value_int64(5);
 *     if (stratum_db_open("sums.stratum", 12, NULL, &db, &error) != STRATUM_OK ||
 *         stratum_db_create_document(db, "Add two numbers.", 16, NULL, 0, &document, &error) != STRATUM_OK ||
 *         stratum_db_append_input(db, document, &in, &input, &error) != STRATUM_OK ||
 *         stratum_db_set_output(db, document, input, &out, &error) != STRATUM_OK)
 *         fprintf(stderr, "%s\n", stratum_error_message(error));
 *     stratum_error_free(&error);
 *     stratum_db_close(&db, NULL);
 *
 * CONVENTIONS
 *
 * Names. stratum_<object>_<verb>; receiver first, then what goes in, then what comes out, then the error.
 *
 * Status. Functions answer an int32_t STRATUM_* status: 0 is success, STRATUM_NOT_FOUND and STRATUM_END are ordinary
 * answers, 10 and above are failures. What comes out is written on success only, unless its comment says otherwise.
 * Any function that takes a handle can answer STRATUM_INVALID_ARGUMENT (NULL), STRATUM_INVALID_HANDLE, STRATUM_CLOSED
 * and STRATUM_PANIC; this is not repeated below.
 *
 * Errors. The last argument, stratum_error **error, may be NULL. Otherwise it is always written: NULL on success and on
 * ordinary answers, else a new error object, which the caller frees with stratum_error_free. What was in it before is
 * not freed. A text says what happened and what to do.
 *
 * Ownership. What comes out through T ** belongs to the caller, with one free function per type that takes T ** and
 * sets it to NULL; a NULL is no error. What is returned as a pointer is borrowed: its comment says until when. The
 * library copies whatever it keeps of what is passed in.
 *
 * Handles (pointers to the incomplete types below) are numbers and are never dereferenced. A handle that was freed, is
 * being freed by another thread, is of another type, or never was one, gives a status. Children of a store (views,
 * batches, cursors) answer STRATUM_CLOSED after their store was closed; they are still to be freed, in any order.
 * Results, trees, reports and pinned bytes are not bound to their store.
 *
 * Pointers to memory of the caller must lead to as many valid bytes as is said, which nobody changes for the duration of
 * the call. NULL, misaligned pointers and lengths over 4 GiB are refused; beyond that nothing can be checked. Blobs,
 * texts and packed trees that change in a call all the same are refused, or stored as a mixture of what they were, and
 * never as damage. Text is UTF-8 with a length, paths are bytes with a length; neither is NUL-terminated, but for what
 * the library itself returns as const char *. Anything of length 0 may be NULL.
 *
 * Threads. Every function has a "Thread safety:" line. A const receiver may be used by any number of threads at once.
 * Batches and cursors are for one thread at a time: a second one gets STRATUM_BUSY. Destructors of a thread's own data
 * may call the library, in any of their rounds.
 *
 * Structs that begin with struct_size: the caller sets it to sizeof of the struct and zeroes what it does not use. That
 * lets programs and libraries of different versions meet.
 *
 * Fork. A child process cannot use the stores of its parent: calls answer STRATUM_FORKED. It may close and free its
 * copies of the handles, which leaves the parent's store alone.
 *
 * The library writes nothing to stdout or stderr, installs no signal handlers, and never ends the process. Strings,
 * lengths and layouts on disk are in docs/format.md; what is promised is in docs/guarantees.md.
 */

#ifndef STRATUM_H
#define STRATUM_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. */
#define STRATUM_VERSION_MAJOR 0
#define STRATUM_VERSION_MINOR 1
#define STRATUM_VERSION_PATCH 0

/** Done. */
#define STRATUM_OK 0

/** The document, input, output or column is not there. Allocates nothing; no stratum_error is made. */
#define STRATUM_NOT_FOUND 1

/** A cursor has passed its last row. Allocates nothing; no stratum_error is made. */
#define STRATUM_END 2

/**
 * An argument can never be right: NULL where there must be something, text that is not UTF-8, a map with a
 * key twice, an unknown option or constant, a wrong struct_size...
 */
#define STRATUM_INVALID_ARGUMENT 10

/** The pointer is no handle of this type and never was one. */
#define STRATUM_INVALID_HANDLE 11

/** The handle was closed or freed, or belongs to a store that was closed. */
#define STRATUM_CLOSED 12

/** The batch or cursor is in use by another thread right now, or the call is not allowed inside a callback. */
#define STRATUM_BUSY 13

/** The caller's buffer cannot hold the answer; the length that is needed was stored. */
#define STRATUM_BUFFER_TOO_SMALL 14

/** Over a limit (max_record_bytes, max_batch_bytes, 4 GiB for any argument); nothing was written. */
#define STRATUM_TOO_LARGE 15

/** There are as many handles open as there can be (16 million, or what there is memory for): free some. */
#define STRATUM_TOO_MANY_HANDLES 16

/**
 * The system refused memory that the size of what is read or written asks for. Nothing was changed. Any function that
 * takes or gives data can answer it. Pieces under 32 KiB are taken for granted: where not even those are to be had,
 * the process ends.
 */
#define STRATUM_NO_MEMORY 17

/** Stored bytes do not check out. Nothing was changed. */
#define STRATUM_CORRUPTION 20

/** The operating system refused an operation; see stratum_error_os_errno. */
#define STRATUM_IO 21

/** The disk is full. Nothing was changed, and writing works again when there is room. */
#define STRATUM_NO_SPACE 22

/** The store is open elsewhere. */
#define STRATUM_LOCKED 23

/** The directory holds something that is not a store. It was not touched. */
#define STRATUM_NOT_A_STORE 24

/** A newer version wrote this. It was not touched. */
#define STRATUM_NEWER_FORMAT 25

/** There is no store and `create` is off, or there is one and `exclusive` is on. */
#define STRATUM_OPEN_REFUSED 26

/** A sync failed: reopening the store tells whether this commit is in it. */
#define STRATUM_COMMIT_UNKNOWN 27

/** An earlier sync failed: reads go on, writes are refused until the store is reopened. */
#define STRATUM_POISONED 28

/** The snapshot held more than max_retained_bytes and was given up; take a new one. */
#define STRATUM_SNAPSHOT_TOO_OLD 29

/** This process is a fork of the one that opened the store. */
#define STRATUM_FORKED 30

/** The library failed in itself (a bug: please report it). The handle takes no further calls but close or free. */
#define STRATUM_PANIC 99

/** Per commit only: what the store was opened with. */
#define STRATUM_DURABILITY_DEFAULT 0

/** On disk when the call returns, and visible to others only then. The default of a store. */
#define STRATUM_DURABILITY_ALWAYS 1

/** Handed to the system when the call returns, synced every sync_interval. */
#define STRATUM_DURABILITY_INTERVAL 2

/** Handed to the system when the call returns; stratum_db_flush or the next ALWAYS commit syncs it. */
#define STRATUM_DURABILITY_OS 3

/** Read through a mapping: no system call on a warm read. A disk that fails under it ends the process by SIGBUS. */
#define STRATUM_READ_MMAP 1

/** Read with pread: every I/O error is a status. */
#define STRATUM_READ_PREAD 2

/** Trees are not compressed. */
#define STRATUM_COMPRESSION_NONE 0

/** Compaction compresses trees with LZ4: little to pay for reads, least gained. */
#define STRATUM_COMPRESSION_LZ4 1

/** Compaction compresses trees with Zstandard: smallest. */
#define STRATUM_COMPRESSION_ZSTD 2

/** Nothing; not the same as a missing value. */
#define STRATUM_KIND_NULL 1

/** True or false: as.boolean, 0 or 1. */
#define STRATUM_KIND_BOOL 2

/** A signed 64-bit integer: as.int64. */
#define STRATUM_KIND_INT64 3

/** A 64-bit IEEE 754 number, kept to the bit: as.float64. */
#define STRATUM_KIND_DOUBLE 4

/** A number as text in JSON's number grammar, for what fits neither of the two: as.text, count bytes. */
#define STRATUM_KIND_DECIMAL 5

/** UTF-8 text: as.text, count bytes. */
#define STRATUM_KIND_STRING 6

/** Any bytes: as.bytes, count bytes. */
#define STRATUM_KIND_BYTES 7

/** A packed list of integers: as.int64s, count of them. */
#define STRATUM_KIND_INT64_LIST 8

/** A packed list of IEEE 754 numbers: as.doubles, count of them. */
#define STRATUM_KIND_DOUBLE_LIST 9

/** A packed list of texts: as.strings, count of them. */
#define STRATUM_KIND_STRING_LIST 10

/**
 * A packed map of text to text: as.strings holds 2 * count texts: key, value, key, value... Keys are unique and
 * keep their order.
 */
#define STRATUM_KIND_STRING_MAP 11

/** A list of values of any kind: as.values, count of them. Lists and maps nest at most 64 deep. */
#define STRATUM_KIND_LIST 12

/** A map of text to values of any kind: as.entries, count of them. Keys are unique and keep their order. */
#define STRATUM_KIND_MAP 13

/** The manifest is missing or does not check out. Which segments there were is told from the directory. */
#define STRATUM_FINDING_MANIFEST 1

/** The checkpoint does not check out. It holds nothing that the log does not. */
#define STRATUM_FINDING_CHECKPOINT 2

/** Whether another process has the store open could not be told. */
#define STRATUM_FINDING_NOT_LOCKED 3

/** A segment that the manifest names is not there. */
#define STRATUM_FINDING_SEGMENT_MISSING 10

/** A segment's file was left out: not a segment of this store, or nothing in it can be told. */
#define STRATUM_FINDING_SEGMENT_UNUSABLE 11

/** A segment's header is damaged. Its records were read all the same. */
#define STRATUM_FINDING_SEGMENT_HEADER 12

/** Bytes of a segment in which no record checks out: what they held is not known. */
#define STRATUM_FINDING_BYTES_LOST 20

/** Bytes that the system does not give: read as zeros. */
#define STRATUM_FINDING_BYTES_UNREADABLE 21

/** Bytes behind the last record of the log: of a commit that was never finished, or that was damaged since. */
#define STRATUM_FINDING_TAIL 22

/** A record whose header checks out and whose contents do not. */
#define STRATUM_FINDING_RECORD_DAMAGED 23

/** A record that must have been there, by what the checkpoint or a segment's footer says, and was not found. */
#define STRATUM_FINDING_RECORD_MISSING 24

/** A commit of which not all records check out; those that do were used. */
#define STRATUM_FINDING_BATCH_IN_PART 25

/** Nothing of a document could be saved. */
#define STRATUM_FINDING_DOCUMENT_LOST 30

/** Parts of a document are lost; the findings of that document say which. */
#define STRATUM_FINDING_DOCUMENT_IN_PART 31

/** Parts of a document may be older than they were; the findings of that document say which. */
#define STRATUM_FINDING_DOCUMENT_OLDER 32

/** A document's blob is lost: it is empty now. */
#define STRATUM_FINDING_BLOB_LOST 40

/** A document's blob is an older one. */
#define STRATUM_FINDING_BLOB_OLDER 41

/** A document's columns are lost. */
#define STRATUM_FINDING_COLUMNS_LOST 42

/** Some of a document's columns are older than they were, or gone. */
#define STRATUM_FINDING_COLUMNS_OLDER 43

/** The order of a document's inputs, or which of them there were, is older than it was, or in part a guess. */
#define STRATUM_FINDING_INPUTS_OLDER 44

/** An input is lost, with what hung on it. */
#define STRATUM_FINDING_INPUT_LOST 50

/** An input's value is an older one. */
#define STRATUM_FINDING_INPUT_OLDER 51

/** An input's output is lost. */
#define STRATUM_FINDING_OUTPUT_LOST 52

/** An input's output is an older one. */
#define STRATUM_FINDING_OUTPUT_OLDER 53

/** Some of an input's columns are lost, or older than they were. */
#define STRATUM_FINDING_INPUT_COLUMNS_OLDER 54

/** Nothing was to be written. */
#define STRATUM_REPAIR_DRY_RUN 0

/** The target is a complete store. */
#define STRATUM_REPAIR_WRITTEN 1

/** The progress callback ended the work; there is no target. */
#define STRATUM_REPAIR_STOPPED 2

/** columns, body: the blob. Its id is the new document's. */
#define STRATUM_OP_CREATE_DOCUMENT 1

/** body: a packed tree. Its id is the new document's, whose inputs have the ids 1, 2, 3... */
#define STRATUM_OP_PUT_TREE 2

/** document, body: a packed tree. Its id is that of the first input, 0 for none; the others follow it one by one. */
#define STRATUM_OP_REPLACE_TREE 3

/** document, body: the blob. */
#define STRATUM_OP_SET_BLOB 4

/** document, name, body: a value. */
#define STRATUM_OP_SET_COLUMN 5

/** document, name. */
#define STRATUM_OP_REMOVE_COLUMN 6

/** document. */
#define STRATUM_OP_DELETE_DOCUMENT 7

/** document, body: a value. Its id is the new input's. */
#define STRATUM_OP_APPEND_INPUT 8

/** document, before, body: a value. Its id is the new input's. */
#define STRATUM_OP_INSERT_INPUT 9

/** document, input, before (0: to the end). */
#define STRATUM_OP_MOVE_INPUT 10

/** document, input, body: a value. */
#define STRATUM_OP_REPLACE_INPUT 11

/** document, input, name, body: a value. */
#define STRATUM_OP_SET_INPUT_COLUMN 12

/** document, input, name. */
#define STRATUM_OP_REMOVE_INPUT_COLUMN 13

/** document, input. */
#define STRATUM_OP_DELETE_INPUT 14

/** document, input, body: a value. */
#define STRATUM_OP_SET_OUTPUT 15

/** document, input, body: a value. */
#define STRATUM_OP_UPDATE_OUTPUT 16

/** document, input. */
#define STRATUM_OP_DELETE_OUTPUT 17

/**
 * Any number of writes that become visible and durable together: all or none. Each is checked when it is made (a
 * refused one leaves the batch as it was) and again at commit, against what others committed in between; calls that
 * later ones of the batch undo, and those that change nothing (a move before itself), do not count then.
 */
typedef struct stratum_batch stratum_batch;

/** An open store. */
typedef struct stratum_db stratum_db;

/** Walks over the ids of the documents in a view, ascending. */
typedef struct stratum_document_cursor stratum_document_cursor;

/**
 * What went wrong: a code, a text, and the system's error number where there is one. Made by a failing call for its
 * last argument; the caller frees it with stratum_error_free.
 */
typedef struct stratum_error stratum_error;

/** Walks over the inputs of a document in their order. */
typedef struct stratum_input_cursor stratum_input_cursor;

/** Options for opening a store. The defaults suit most; NULL in their place means the defaults. */
typedef struct stratum_options stratum_options;

/** Bytes that stay valid until they are freed, also after the document was deleted or the store closed. */
typedef struct stratum_pinned stratum_pinned;

/** The report of a repair: owns all that its stratum_repair_result leads to. */
typedef struct stratum_repair_report stratum_repair_report;

/** The report of a full check: owns all that its stratum_findings lead to. */
typedef struct stratum_report stratum_report;

/** What a read gave back: a value, columns, ids or inputs. Everything borrowed from it is valid until it is freed. */
typedef struct stratum_result stratum_result;

/** A tree that was read: owns all that its stratum_tree_desc leads to. */
typedef struct stratum_tree stratum_tree;

/**
 * One moment of a store: every read goes through one. stratum_db_latest lends one that always shows the newest commit,
 * stratum_db_snapshot makes one that stays at its moment.
 */
typedef struct stratum_view stratum_view;

/** UTF-8 text: length bytes at data, not NUL-terminated; NULs may be part of it. data may be NULL where length is 0. */
typedef struct stratum_text {
    /** The first byte. */
    const char *data;
    /** How many bytes. */
    size_t length;
} stratum_text;

/** What a stratum_value holds; its kind says which member. */
typedef union stratum_value_as {
    /** BOOL: 0 or 1. */
    int32_t boolean;
    /** INT64. */
    int64_t int64;
    /** DOUBLE. */
    double float64;
    /** DECIMAL, STRING: count bytes, not NUL-terminated. */
    const char *text;
    /** BYTES: count bytes. */
    const uint8_t *bytes;
    /** INT64_LIST: count integers. */
    const int64_t *int64s;
    /** DOUBLE_LIST: count numbers. */
    const double *doubles;
    /** STRING_LIST: count texts. STRING_MAP: 2 * count texts, keys and values in turn. */
    const struct stratum_text *strings;
    /** LIST: count values. */
    const struct stratum_value *values;
    /** MAP: count entries. */
    const struct stratum_entry *entries;
} stratum_value_as;

/**
 * A typed value. On the way in the library copies what it keeps. On the way out everything that the pointers lead
 * to belongs to the handle that it came from, and is valid until that is freed.
 */
typedef struct stratum_value {
    /** STRATUM_KIND_*. */
    uint32_t kind;
    /** Must be 0. */
    uint32_t reserved;
    /** Bytes, elements or entries, as the kind says; 0 for NULL, BOOL, INT64 and DOUBLE. */
    size_t count;
    /** The content. */
    union stratum_value_as as;
} stratum_value;

/** One entry of a STRATUM_KIND_MAP. */
typedef struct stratum_entry {
    /** Its key, unique in the map. */
    struct stratum_text key;
    /** Its value. */
    struct stratum_value value;
} stratum_entry;

/** A named value of a document or of an input. */
typedef struct stratum_column {
    /** Its name: 1 to 255 bytes of UTF-8, unique in the document or input. */
    struct stratum_text name;
    /** Its value. */
    struct stratum_value value;
} stratum_column;

/** One input with what hangs on it, both ways. */
typedef struct stratum_input {
    /** Its id in what is read; ignored in what is written. */
    uint64_t id;
    /** Its value. */
    struct stratum_value value;
    /** Its columns; may be NULL where column_count is 0. In what is read they are sorted by the bytes of their names. */
    const struct stratum_column *columns;
    /** How many columns. */
    size_t column_count;
    /** Its output, NULL for none. */
    const struct stratum_value *output;
} stratum_input;

/** A document with its columns, and its inputs and outputs in order, both ways. */
typedef struct stratum_tree_desc {
    /** sizeof(stratum_tree_desc), as the caller was compiled; in what is read: as the library was. */
    size_t struct_size;
    /** The blob; may be NULL where blob_length is 0. */
    const void *blob;
    /** Bytes of the blob. */
    size_t blob_length;
    /**
     * The document's columns; may be NULL where column_count is 0. In what is read they are sorted by the bytes of
     * their names.
     */
    const struct stratum_column *columns;
    /** How many columns. */
    size_t column_count;
    /** The inputs in their order; may be NULL where input_count is 0. */
    const struct stratum_input *inputs;
    /** How many inputs. */
    size_t input_count;
} stratum_tree_desc;

/** How far a compaction has come. */
typedef struct stratum_progress {
    /** sizeof(stratum_progress) as the library was compiled. */
    size_t struct_size;
    /** Log files dealt with. */
    uint64_t segments_done;
    /** Log files to deal with. */
    uint64_t segments_total;
    /** Bytes read so far. */
    uint64_t bytes_read;
    /** Bytes written so far. */
    uint64_t bytes_written;
    /** Bytes of disk given back so far. */
    uint64_t bytes_reclaimed;
} stratum_progress;

/**
 * Called between steps of a compaction, on the thread that called it: return non-zero to go on, 0 to stop (what is
 * done stays done). `progress` is valid during the call only. It may read the store; writes, flush, checkpoint,
 * compaction, verify and close of the same store answer STRATUM_BUSY, also from within callbacks of other stores that
 * it brings about. It must return: no exception, no longjmp.
 */
typedef int32_t (*stratum_progress_fn)(const struct stratum_progress *progress, void *context);

/** Figures about a store. Set struct_size before the call; fields that the library does not know come back as 0. */
typedef struct stratum_stats {
    /** sizeof(stratum_stats), as the caller was compiled. */
    size_t struct_size;
    /** Live documents. */
    uint64_t documents;
    /** Live documents, inputs and outputs. */
    uint64_t nodes;
    /** Bytes on disk that the newest view reaches. */
    uint64_t live_bytes;
    /** Bytes on disk in the store's log files. */
    uint64_t total_bytes;
    /** Bytes that compaction can give back. */
    uint64_t garbage_bytes;
    /** total_bytes / live_bytes; 1.0 for an empty store. */
    double amplification;
    /** Log files. */
    uint64_t segments;
    /** Bytes in the log file that is written to. */
    uint64_t active_segment_bytes;
    /** Bytes of replaced log files that open views still hold. */
    uint64_t retained_bytes;
    /** Open snapshots. */
    uint64_t snapshots;
    /** Compactions since the store was opened. */
    uint64_t compactions;
    /** Bytes that they read. */
    uint64_t compaction_bytes_read;
    /** Bytes that they wrote. */
    uint64_t compaction_bytes_written;
    /** Microseconds that compaction slept for compaction_bytes_per_second, in the one at work too. */
    uint64_t compaction_throttled_us;
    /** Documents whose changes were folded into one tree. */
    uint64_t folds;
    /** Commits since the store was opened. */
    uint64_t commits;
    /** Commits that waited for a sync. */
    uint64_t durable_commits;
    /** Syncs of the log. */
    uint64_t syncs;
    /** Largest number of commits that shared one sync. */
    uint64_t largest_group;
    /** Commits that were slowed down because the store was at its space ceiling. */
    uint64_t paced_commits;
    /** Bytes of log files that are mapped. */
    uint64_t mapped_bytes;
    /** Bytes of memory in the index. */
    uint64_t index_bytes;
    /** Bytes of disk set aside for deletes and compaction on a full disk. */
    uint64_t reserved_bytes;
    /** Sequence number of the newest commit. */
    uint64_t sequence;
    /** Sequence number of the newest commit that is known durable. */
    uint64_t durable_sequence;
    /** Checkpoints written since the store was opened. */
    uint64_t checkpoints;
    /** Sequence number that the last checkpoint covers; 0 for none. */
    uint64_t checkpoint_sequence;
    /** Bytes of unacknowledged log that were discarded when the store was opened. */
    uint64_t recovery_discarded_bytes;
    /** Bytes of log that the open had to read. */
    uint64_t recovery_replayed_bytes;
    /** Steps of background work that failed since the store was opened, also by a panic. */
    uint64_t background_failures;
    /** 1 where the open used a checkpoint, otherwise 0. */
    int32_t opened_from_checkpoint;
    /** 1 where a failed sync or a panic stopped all writing until the store is reopened, otherwise 0. */
    int32_t poisoned;
} stratum_stats;

/** One place where the store is damaged. */
typedef struct stratum_damage {
    /** The damaged file, as the system names it. */
    struct stratum_text file;
    /** Byte offset of the damaged record in the file. */
    uint64_t offset;
    /** The document that the record belongs to, 0 where that cannot be told. */
    uint64_t document;
    /** What does not check out. */
    struct stratum_text what;
} stratum_damage;

/** What a full check found. */
typedef struct stratum_findings {
    /** sizeof(stratum_findings) as the library was compiled. */
    size_t struct_size;
    /** Log files read. */
    uint64_t segments;
    /** Records in them. */
    uint64_t records;
    /** Bytes in them. */
    uint64_t bytes;
    /** Live documents. */
    uint64_t documents;
    /** Their inputs. */
    uint64_t inputs;
    /** Their outputs. */
    uint64_t outputs;
    /** Where the store is damaged. */
    const struct stratum_damage *damage;
    /** In how many places; 0 where all is well. */
    size_t damage_count;
} stratum_findings;

/** How far a repair has come. */
typedef struct stratum_repair_progress {
    /** sizeof(stratum_repair_progress) as the library was compiled. */
    size_t struct_size;
    /** Bytes of log files read in search of records. */
    uint64_t bytes_done;
    /** Bytes of log files there are. */
    uint64_t bytes_total;
    /** Documents dealt with. */
    uint64_t documents_done;
    /** Documents to deal with; 0 until everything was read once. */
    uint64_t documents_total;
} stratum_repair_progress;

/**
 * Called now and then during a repair, on the thread that called it: return non-zero to go on, 0 to stop. `progress`
 * is valid during the call only. It must return: no exception, no longjmp.
 */
typedef int32_t (*stratum_repair_progress_fn)(const struct stratum_repair_progress *progress, void *context);

/** How a store is repaired. Zero it, set struct_size, and set what is to differ from the defaults. */
typedef struct stratum_repair_options {
    /** sizeof(stratum_repair_options), as the caller was compiled. */
    size_t struct_size;
    /** Bytes at which a log file of the target is ended and the next begun; 0 for the default, 64 MiB. */
    uint64_t segment_size;
    /**
     * A document with its changes is written as one tree, unless that is more bytes than this; 0 for the default,
     * 1 GiB.
     */
    uint64_t merge_limit;
    /** Called now and then; NULL for none. */
    stratum_repair_progress_fn progress;
    /** Handed to `progress`. */
    void *context;
    /** Not 0: only report. Nothing is written, and the target is not looked at: it may be NULL. */
    int32_t dry_run;
    /** Zero. */
    int32_t reserved;
} stratum_repair_options;

/** One thing that a repair found. What cannot be told is 0 or empty. */
typedef struct stratum_finding {
    /** STRATUM_FINDING_*; other numbers come with newer versions. */
    int32_t kind;
    /**
     * 1 where it says that contents are lost or older than they were; 0 where it says what is damaged, which may have
     * held nothing that counted.
     */
    int32_t is_loss;
    /** The damaged file, as the system names it. */
    struct stratum_text file;
    /** Where in it the damage begins. */
    uint64_t offset;
    /** Length of the damage in bytes. */
    uint64_t length;
    /** The document. */
    uint64_t document;
    /** The input. */
    uint64_t input;
    /** Sequence number of the commit that wrote what is damaged. */
    uint64_t sequence;
    /** All of it as one line for people. */
    struct stratum_text line;
} stratum_finding;

/** What a repair found, saved and lost. */
typedef struct stratum_repair_result {
    /** sizeof(stratum_repair_result) as the library was compiled. */
    size_t struct_size;
    /** STRATUM_REPAIR_*: what became of it. */
    int32_t outcome;
    /** 1 where everything was saved, 0 where anything is damaged, lost or older than it was. */
    int32_t is_lossless;
    /**
     * 1 where damage may have held newer changes of documents that cannot be told: any document may then be older than
     * it was, and documents may be missing, or back that were deleted, without being named.
     */
    int32_t is_uncertain;
    /** Zero. */
    int32_t reserved;
    /** Log files read. */
    uint64_t segments;
    /** Bytes in them. */
    uint64_t bytes;
    /** Records that check out. */
    uint64_t records;
    /** Bytes of log files that hold no record that checks out. */
    uint64_t bytes_lost;
    /** Documents saved whole, as far as can be told. */
    uint64_t documents_whole;
    /** Documents saved in part. */
    uint64_t documents_in_part;
    /** Documents of which nothing is missing, and parts may be older than they were. */
    uint64_t documents_older;
    /** Documents of which records were found, and nothing could be saved. */
    uint64_t documents_lost;
    /** Documents that stay deleted. */
    uint64_t documents_deleted;
    /** Inputs saved. */
    uint64_t inputs;
    /** Outputs saved. */
    uint64_t outputs;
    /** The lowest document id that the target hands out. */
    uint64_t next_document;
    /** What is damaged, lost or older, one by one. */
    const struct stratum_finding *findings;
    /** How many; 0 where all is well. */
    size_t finding_count;
} stratum_repair_result;

/** How a commit is done. */
typedef struct stratum_commit_options {
    /** sizeof(stratum_commit_options). */
    size_t struct_size;
    /** STRATUM_DURABILITY_*; DEFAULT is what the store was opened with. */
    int32_t durability;
    /** Must be 0. */
    uint32_t reserved;
} stratum_commit_options;

/** The ids that a tree got: its inputs are first_input, first_input + 1, ... in their order. */
typedef struct stratum_tree_ids {
    /** The document. */
    uint64_t document;
    /** The first input, 0 where the tree has none. */
    uint64_t first_input;
    /** How many inputs. */
    uint64_t input_count;
} stratum_tree_ids;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/* ---- Status codes and the library ------------------------------------------------------------------------ */

/**
 * The name of a status, "STRATUM_LOCKED" for example; "STRATUM_UNKNOWN" for a number that is none. Never NULL;
 * the text is static and NUL-terminated.
 *
 * Thread safety: any thread.
 */
const char *stratum_status_name(int32_t status);

/**
 * The version of the library as text, "0.1.0" for example. Never NULL; static and NUL-terminated.
 *
 * Thread safety: any thread.
 */
const char *stratum_version(void);

/* ---- Errors ---------------------------------------------------------------------------------------------- */

/**
 * The status that the failing call answered; STRATUM_INVALID_HANDLE where `error` is not an open error handle.
 *
 * Thread safety: any thread.
 */
int32_t stratum_error_code(const struct stratum_error *error);

/**
 * What happened, to which file or id, and what to do: UTF-8, NUL-terminated, never NULL, empty where `error` is not
 * an open error handle. Borrowed: valid until the error is freed.
 *
 * Thread safety: any thread.
 */
const char *stratum_error_message(const struct stratum_error *error);

/**
 * The system's error number (errno) behind the failure, 0 where there is none.
 *
 * Thread safety: any thread.
 */
int32_t stratum_error_os_errno(const struct stratum_error *error);

/**
 * Frees the error and sets `*error` to NULL; its message ends. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread.
 */
int32_t stratum_error_free(struct stratum_error **error);

/* ---- Open options ---------------------------------------------------------------------------------------- */

/**
 * Makes options with their defaults. The caller frees them with stratum_options_free; a store copies them.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_create(struct stratum_options **options, struct stratum_error **error);

/**
 * Frees the options and sets `*options` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_free(struct stratum_options **options);

/**
 * Sets any option from text: its name as in the setters below ("segment_size"), its value as a number, "true" or
 * "false", or a word ("always", "interval", "os"; "mmap", "pread"). Values are checked together when a store is
 * opened.
 * Errors: STRATUM_INVALID_ARGUMENT (no such option, or not a value for it).
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set(struct stratum_options *options,
                            const char *name,
                            size_t name_length,
                            const char *value,
                            size_t value_length,
                            struct stratum_error **error);

/**
 * Create the store where there is none: 0 or 1. Default: 1.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_create(struct stratum_options *options,
                                   int32_t value,
                                   struct stratum_error **error);

/**
 * Refuse to open where there is a store already: 0 or 1. Default: 0.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_exclusive(struct stratum_options *options,
                                      int32_t value,
                                      struct stratum_error **error);

/**
 * Durability of commits that do not say otherwise: STRATUM_DURABILITY_ALWAYS (default), INTERVAL or OS.
 * Errors: STRATUM_INVALID_ARGUMENT.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_durability(struct stratum_options *options,
                                       int32_t value,
                                       struct stratum_error **error);

/**
 * Longest time between syncs in STRATUM_DURABILITY_INTERVAL, in milliseconds. Default: 100.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_sync_interval_ms(struct stratum_options *options,
                                             uint64_t value,
                                             struct stratum_error **error);

/**
 * How segments are read: STRATUM_READ_MMAP (default) or STRATUM_READ_PREAD. Errors: STRATUM_INVALID_ARGUMENT.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_read_mode(struct stratum_options *options,
                                      int32_t value,
                                      struct stratum_error **error);

/**
 * Verify the checksum of whatever a read returns: 0 or 1. Default: 1.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_verify_reads(struct stratum_options *options,
                                         int32_t value,
                                         struct stratum_error **error);

/**
 * Bytes at which a log file is sealed and the next begun. Default: 64 MiB.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_segment_size(struct stratum_options *options,
                                         uint64_t value,
                                         struct stratum_error **error);

/**
 * Largest blob or encoded value, in bytes; larger ones are refused on write. Default: 256 MiB.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_max_record_bytes(struct stratum_options *options,
                                             uint64_t value,
                                             struct stratum_error **error);

/**
 * Largest batch, in bytes as encoded; more is refused on write. Default: 1 GiB.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_max_batch_bytes(struct stratum_options *options,
                                            uint64_t value,
                                            struct stratum_error **error);

/**
 * Run compaction, checkpoints and interval syncs on a thread of the store's own: 0 or 1. Default: 1. Without it they
 * run only in stratum_db_compact_now, _checkpoint, _flush and _close.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_background(struct stratum_options *options,
                                       int32_t value,
                                       struct stratum_error **error);

/**
 * Bytes on disk are kept below this multiple of the live bytes, plus two segments. Default: 1.5; at least 1.1.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_max_amplification(struct stratum_options *options,
                                              double value,
                                              struct stratum_error **error);

/**
 * Bytes of log after which a new index checkpoint is written. Default: 64 MiB.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_checkpoint_bytes(struct stratum_options *options,
                                             uint64_t value,
                                             struct stratum_error **error);

/**
 * Changes that a document may gather before they are folded into one tree. Default: 8.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_fold_after(struct stratum_options *options,
                                       uint32_t value,
                                       struct stratum_error **error);

/**
 * How compaction compresses trees: STRATUM_COMPRESSION_NONE (default), _LZ4 or _ZSTD. What commits write is plain;
 * stratum_db_compact_now brings a whole store to the option that it was opened with, background compaction what it
 * rewrites. Reading needs no option: every tree says how it is stored. Errors: STRATUM_INVALID_ARGUMENT.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_compression(struct stratum_options *options,
                                        int32_t value,
                                        struct stratum_error **error);

/**
 * Bytes that compaction may write in a second, in the background and in stratum_db_compact_now; what it reads is not
 * counted. Default: 0, no limit. At the space ceiling commits go on at the pace that this leaves compaction; below it
 * commits never wait for the limit, reads and stratum_db_close never at all: a close cuts off the compaction at work.
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_compaction_bytes_per_second(struct stratum_options *options,
                                                        uint64_t value,
                                                        struct stratum_error **error);

/**
 * Bytes of replaced log files that open snapshots may hold; over it the oldest snapshots answer
 * STRATUM_SNAPSHOT_TOO_OLD. Default: no bound (UINT64_MAX).
 *
 * Thread safety: any thread.
 */
int32_t stratum_options_set_max_retained_bytes(struct stratum_options *options,
                                               uint64_t value,
                                               struct stratum_error **error);

/* ---- Values ---------------------------------------------------------------------------------------------- */

/**
 * A STRATUM_KIND_NULL. This and the other stratum_value_* functions only fill the struct: nothing is copied or
 * checked, and what is pointed to must live until the value has been passed on.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_null(void);

/**
 * A STRATUM_KIND_BOOL: false for 0, true for anything else.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_bool(int32_t boolean);

/**
 * A STRATUM_KIND_INT64.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_int64(int64_t int64);

/**
 * A STRATUM_KIND_DOUBLE.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_double(double float64);

/**
 * A STRATUM_KIND_DECIMAL: a number as text, in JSON's number grammar.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_decimal(const char *text, size_t length);

/**
 * A STRATUM_KIND_STRING: UTF-8 text.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_string(const char *text, size_t length);

/**
 * A STRATUM_KIND_BYTES.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_bytes(const void *bytes, size_t length);

/**
 * A STRATUM_KIND_INT64_LIST.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_int64_list(const int64_t *int64s, size_t count);

/**
 * A STRATUM_KIND_DOUBLE_LIST.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_double_list(const double *doubles, size_t count);

/**
 * A STRATUM_KIND_STRING_LIST.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_string_list(const struct stratum_text *strings, size_t count);

/**
 * A STRATUM_KIND_STRING_MAP of `count` pairs: 2 * count texts, keys and values in turn.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_string_map(const struct stratum_text *strings, size_t count);

/**
 * A STRATUM_KIND_LIST.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_list(const struct stratum_value *values, size_t count);

/**
 * A STRATUM_KIND_MAP.
 *
 * Thread safety: any thread.
 */
struct stratum_value stratum_value_map(const struct stratum_entry *entries, size_t count);

/* ---- Trees ----------------------------------------------------------------------------------------------- */

/**
 * What the tree holds: a borrowed struct, valid with all it leads to until the tree is freed. NULL where `tree` is
 * not an open tree handle. It may be passed to a put or replace of any store as it is.
 *
 * Thread safety: any thread.
 */
const struct stratum_tree_desc *stratum_tree_get(const struct stratum_tree *tree);

/**
 * Frees the tree and sets `*tree` to NULL; everything borrowed from it ends. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread, when nobody uses what was borrowed any more.
 */
int32_t stratum_tree_free(struct stratum_tree **tree);

/**
 * The column of that name among `columns`, which are those of a tree, an input or a result (sorted by name).
 * Borrowed like the columns; NULL where there is none, or an argument is NULL.
 *
 * Thread safety: any thread.
 */
const struct stratum_value *stratum_columns_find(const struct stratum_column *columns,
                                                 size_t column_count,
                                                 const char *name,
                                                 size_t name_length);

/* ---- Results of reads ------------------------------------------------------------------------------------ */

/**
 * The value, borrowed. NULL where the result holds something else or is not an open handle.
 *
 * Thread safety: any thread.
 */
const struct stratum_value *stratum_result_value(const struct stratum_result *result);

/**
 * The columns, sorted by the bytes of their names, borrowed; `*count` (may be NULL) gets their number. NULL and 0
 * where the result holds something else or is not an open handle; not NULL where it holds no columns.
 *
 * Thread safety: any thread.
 */
const struct stratum_column *stratum_result_columns(const struct stratum_result *result,
                                                    size_t *count);

/**
 * The inputs in their order, borrowed; `*count` (may be NULL) gets their number. NULL and 0 where the result holds
 * something else or is not an open handle; not NULL where it holds no inputs.
 *
 * Thread safety: any thread.
 */
const struct stratum_input *stratum_result_inputs(const struct stratum_result *result,
                                                  size_t *count);

/**
 * The ids in their order, borrowed; `*count` (may be NULL) gets their number. NULL and 0 where the result holds
 * something else or is not an open handle; not NULL where it holds no ids.
 *
 * Thread safety: any thread.
 */
const uint64_t *stratum_result_ids(const struct stratum_result *result,
                                   size_t *count);

/**
 * Frees the result and sets `*result` to NULL; everything borrowed from it ends. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread, when nobody uses what was borrowed any more.
 */
int32_t stratum_result_free(struct stratum_result **result);

/* ---- Pinned bytes ---------------------------------------------------------------------------------------- */

/**
 * The bytes, borrowed, 8-aligned where they are packed trees; not NULL where there are none. NULL where `pinned` is
 * not an open handle.
 *
 * Thread safety: any thread.
 */
const void *stratum_pinned_data(const struct stratum_pinned *pinned);

/**
 * How many bytes; 0 where `pinned` is not an open handle.
 *
 * Thread safety: any thread.
 */
size_t stratum_pinned_length(const struct stratum_pinned *pinned);

/**
 * 1 where the bytes are the store's own (a mapped log file), 0 where they are a copy or `pinned` is not an open
 * handle.
 *
 * Thread safety: any thread.
 */
int32_t stratum_pinned_is_borrowed(const struct stratum_pinned *pinned);

/**
 * Frees the bytes and sets `*pinned` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread, when nobody uses the bytes any more.
 */
int32_t stratum_pinned_free(struct stratum_pinned **pinned);

/* ---- Stores ---------------------------------------------------------------------------------------------- */

/**
 * Opens the store in the directory `path` (bytes as the system takes them), and creates it where there is none. NULL
 * options are the defaults. The caller closes it with stratum_db_close. A store is open at most once: the second
 * opener, in this process or another, gets STRATUM_LOCKED at once.
 * Errors: STRATUM_LOCKED, STRATUM_NOT_A_STORE, STRATUM_NEWER_FORMAT, STRATUM_OPEN_REFUSED, STRATUM_CORRUPTION,
 * STRATUM_IO, STRATUM_NO_SPACE, STRATUM_INVALID_ARGUMENT (also for options that make no sense together).
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_open(const char *path,
                        size_t path_length,
                        const struct stratum_options *options,
                        struct stratum_db **db,
                        struct stratum_error **error);

/**
 * Makes everything durable, closes the store and sets `*db` to NULL, whatever the answer (but see STRATUM_BUSY). A
 * NULL is no error, so a second close of the same variable is none. Calls that are under way on other threads finish;
 * only a compaction that sleeps for its limit (compaction_bytes_per_second) ends at once, with STRATUM_CLOSED, and
 * leaves all as it was. Views, cursors and batches of the store answer STRATUM_CLOSED from then on and are still to be
 * freed; what they kept of the store (memory, mappings, descriptors) is given back now. What was read (results, trees,
 * pinned bytes) stays valid until it is freed: trees and pinned bytes keep the mapping of their log file, and the disk
 * space of one that was replaced, until then; max_retained_bytes does not bound that.
 * Errors: STRATUM_CLOSED (closed already), STRATUM_IO, STRATUM_NO_SPACE, STRATUM_COMMIT_UNKNOWN: what could not be
 * made durable; STRATUM_BUSY: from inside a callback, the store stays open and `*db` as it was.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_close(struct stratum_db **db,
                         struct stratum_error **error);

/**
 * The view that always shows the newest commit that is visible, for single reads: each read through it sees a moment
 * of its own. Borrowed: it belongs to the store, is not freed, and answers STRATUM_CLOSED once the store is closed.
 * NULL where `db` is not an open store.
 *
 * Thread safety: any thread.
 */
const struct stratum_view *stratum_db_latest(const struct stratum_db *db);

/**
 * A snapshot: one moment of the whole store, unchanged by later writes and compaction. Costs microseconds. The caller
 * frees it with stratum_view_free; while it lives, and the store is open, it keeps what it shows on disk.
 * Errors: STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_snapshot(const struct stratum_db *db,
                            struct stratum_view **view,
                            struct stratum_error **error);

/**
 * Makes everything that was committed so far durable, whatever durability it was committed with.
 * Errors: STRATUM_IO, STRATUM_COMMIT_UNKNOWN, STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_flush(const struct stratum_db *db,
                         struct stratum_error **error);

/**
 * Writes an index checkpoint now, so that the next open need not read the log before it.
 * Errors: STRATUM_IO, STRATUM_NO_SPACE, STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_checkpoint(const struct stratum_db *db, struct stratum_error **error);

/**
 * Compacts until no garbage is left that can go; returns when done. Reads and writes on other threads go on.
 * `progress` may be NULL; it is called on this thread, with `context`.
 * Errors: STRATUM_IO, STRATUM_NO_SPACE, STRATUM_CORRUPTION, STRATUM_CLOSED, STRATUM_BUSY (inside a callback). Where
 * `progress` stops the work the answer is STRATUM_OK.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_compact_now(const struct stratum_db *db,
                               stratum_progress_fn progress,
                               void *context,
                               struct stratum_error **error);

/* ---- Figures --------------------------------------------------------------------------------------------- */

/**
 * Figures about the store, in `*stats`, whose struct_size the caller has set.
 * Errors: STRATUM_INVALID_ARGUMENT (struct_size), STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_stats(const struct stratum_db *db,
                         struct stratum_stats *stats,
                         struct stratum_error **error);

/* ---- The full check -------------------------------------------------------------------------------------- */

/**
 * Reads and checks everything: every checksum, every value, and the index against the log. Damage is not an error of
 * this call: it answers STRATUM_OK and lists it. The caller frees the report; see stratum_report_get.
 * Errors: STRATUM_IO, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
 *
 * Thread safety: any thread; reads and writes go on meanwhile, compaction waits.
 */
int32_t stratum_db_verify(const struct stratum_db *db,
                          struct stratum_report **report,
                          struct stratum_error **error);

/**
 * What was found: a borrowed struct, valid with all it leads to until the report is freed. NULL where `report` is not
 * an open handle.
 *
 * Thread safety: any thread.
 */
const struct stratum_findings *stratum_report_get(const struct stratum_report *report);

/**
 * Frees the report and sets `*report` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread, when nobody uses what was borrowed any more.
 */
int32_t stratum_report_free(struct stratum_report **report);

/* ---- Repair: saving what still checks out of a damaged store --------------------------------------------- */

/**
 * Saves what still checks out of the damaged store in the directory `source` into a new store in the directory
 * `target`, which must be empty or not exist. The source is not changed in any way. Documents and inputs keep their
 * ids and their order; docs/salvage.md says what is saved, and what to do with the report. NULL options are the
 * defaults. The caller frees the report; see stratum_repair_report_get. Damage is not an error of this call: it
 * answers STRATUM_OK and lists it.
 * Errors: STRATUM_LOCKED (somebody has the source open), STRATUM_NOT_A_STORE (neither a manifest nor a log file),
 * STRATUM_NEWER_FORMAT, STRATUM_OPEN_REFUSED (the target is not empty, or lies in the source), STRATUM_IO,
 * STRATUM_NO_SPACE, STRATUM_INVALID_ARGUMENT, STRATUM_COMMIT_UNKNOWN (the last sync failed: the target opens as a
 * whole or not at all). After any other error the target is empty.
 *
 * Thread safety: any thread.
 */
int32_t stratum_repair(const char *source,
                       size_t source_length,
                       const char *target,
                       size_t target_length,
                       const struct stratum_repair_options *options,
                       struct stratum_repair_report **report,
                       struct stratum_error **error);

/**
 * What was found, saved and lost: a borrowed struct, valid with all it leads to until the report is freed. NULL where
 * `report` is not an open handle.
 *
 * Thread safety: any thread.
 */
const struct stratum_repair_result *stratum_repair_report_get(const struct stratum_repair_report *report);

/**
 * Frees the report and sets `*report` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread, when nobody uses what was borrowed any more.
 */
int32_t stratum_repair_report_free(struct stratum_repair_report **report);

/* ---- Reads: each through a view -------------------------------------------------------------------------- */

/**
 * Frees a snapshot and sets `*view` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE (also for the view that stratum_db_latest lends).
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_free(struct stratum_view **view);

/**
 * The sequence number of the newest commit in this view; 0 before the first. After an open it may be a higher one,
 * which a commit was given that failed, or that a power loss took back, and that is not given again: no commit in the
 * view has a higher one, and every commit after it has.
 * Errors: STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_sequence(const struct stratum_view *view,
                              uint64_t *sequence,
                              struct stratum_error **error);

/**
 * How many documents there are.
 * Errors: STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_document_count(const struct stratum_view *view,
                                    uint64_t *count,
                                    struct stratum_error **error);

/**
 * Whether the document is there: 1 or 0 in `*exists`. No error for one that is not.
 * Errors: STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_exists(const struct stratum_view *view,
                            uint64_t document,
                            int32_t *exists,
                            struct stratum_error **error);

/**
 * How many inputs the document has.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_input_count(const struct stratum_view *view,
                                 uint64_t document,
                                 uint64_t *count,
                                 struct stratum_error **error);

/**
 * The blob of a document, pinned: no copy where the bytes can be lent from the store's own mapping. The caller frees
 * it with stratum_pinned_free; it stays valid until then, whatever happens to the document or the store.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_blob(const struct stratum_view *view,
                          uint64_t document,
                          struct stratum_pinned **blob,
                          struct stratum_error **error);

/**
 * Copies the blob of a document into the caller's buffer. `*length` gets the blob's length in bytes, also where the
 * answer is STRATUM_BUFFER_TOO_SMALL (the buffer is then unchanged); a NULL buffer of capacity 0 asks for the length.
 * Errors: STRATUM_NOT_FOUND, STRATUM_BUFFER_TOO_SMALL, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_read_blob(const struct stratum_view *view,
                               uint64_t document,
                               void *buffer,
                               size_t capacity,
                               size_t *length,
                               struct stratum_error **error);

/**
 * The columns of a document; its blob is not read. The caller frees the result; see stratum_result_columns.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_columns(const struct stratum_view *view,
                             uint64_t document,
                             struct stratum_result **columns,
                             struct stratum_error **error);

/**
 * One column of a document; its blob is not read. The caller frees the result; see stratum_result_value.
 * Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_column(const struct stratum_view *view,
                            uint64_t document,
                            const char *name,
                            size_t name_length,
                            struct stratum_result **value,
                            struct stratum_error **error);

/**
 * The ids of a document's inputs in their order. The caller frees the result; see stratum_result_ids.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_input_ids(const struct stratum_view *view,
                               uint64_t document,
                               struct stratum_result **ids,
                               struct stratum_error **error);

/**
 * All inputs of a document in their order, with their columns and outputs; its blob is not read. The caller frees the
 * result; see stratum_result_inputs.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_inputs(const struct stratum_view *view,
                            uint64_t document,
                            struct stratum_result **inputs,
                            struct stratum_error **error);

/**
 * The value of an input. The caller frees the result; see stratum_result_value.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_input(const struct stratum_view *view,
                           uint64_t document,
                           uint64_t input,
                           struct stratum_result **value,
                           struct stratum_error **error);

/**
 * The columns of an input. The caller frees the result; see stratum_result_columns.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_input_columns(const struct stratum_view *view,
                                   uint64_t document,
                                   uint64_t input,
                                   struct stratum_result **columns,
                                   struct stratum_error **error);

/**
 * The output of an input. The caller frees the result; see stratum_result_value.
 * Errors: STRATUM_NOT_FOUND (no such input, or it has no output), STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_output(const struct stratum_view *view,
                            uint64_t document,
                            uint64_t input,
                            struct stratum_result **value,
                            struct stratum_error **error);

/**
 * A whole tree: blob, columns, inputs and outputs, decoded. Texts, bytes and packed lists in it are the store's own
 * where the document is unchanged since it was written, as with pinned bytes. The caller frees it; see
 * stratum_tree_get.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_tree(const struct stratum_view *view,
                          uint64_t document,
                          struct stratum_tree **tree,
                          struct stratum_error **error);

/**
 * A whole tree in its packed form, one flat buffer ("Packed tree" in docs/format.md), pinned where it can be. The
 * caller frees it; see stratum_pinned_data.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CORRUPTION, STRATUM_IO, STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_packed_tree(const struct stratum_view *view,
                                 uint64_t document,
                                 struct stratum_pinned **packed,
                                 struct stratum_error **error);

/**
 * Many trees of one moment in one flat buffer, little-endian and 8-aligned: u64 count, then a row of three u64 for
 * each of `documents` in the order asked: {id, offset of its packed tree in bytes from the start of the buffer, its
 * length in bytes}, then the packed trees. A document that is not there has offset 0 and length 0. The caller frees
 * it; see stratum_pinned_data.
 * Errors: STRATUM_CORRUPTION, STRATUM_IO, STRATUM_TOO_LARGE (over 4 GiB together: ask for fewer), STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_packed_trees(const struct stratum_view *view,
                                  const uint64_t *documents,
                                  size_t document_count,
                                  struct stratum_pinned **packed,
                                  struct stratum_error **error);

/* ---- Cursors --------------------------------------------------------------------------------------------- */

/**
 * A cursor over the live document ids of the view, ascending, from the id `from` on (0: from the first). It keeps the
 * moment of the view and may outlive it. The caller frees it with stratum_document_cursor_free.
 * Errors: STRATUM_CLOSED.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_documents(const struct stratum_view *view,
                               uint64_t from,
                               struct stratum_document_cursor **cursor,
                               struct stratum_error **error);

/**
 * The next document id.
 * Errors: STRATUM_END (past the last), STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_document_cursor_next(struct stratum_document_cursor *cursor,
                                     uint64_t *document,
                                     struct stratum_error **error);

/**
 * The next document ids, as many as there are and the buffer holds; `*count` gets their number, which is above 0 where
 * the answer is STRATUM_OK.
 * Errors: STRATUM_END (past the last), STRATUM_INVALID_ARGUMENT (capacity 0), STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_document_cursor_fill(struct stratum_document_cursor *cursor,
                                     uint64_t *documents,
                                     size_t capacity,
                                     size_t *count,
                                     struct stratum_error **error);

/**
 * Moves the cursor, forwards or back: the next id will be the first one that is `from` or above (0: the first of all).
 * Errors: STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_document_cursor_seek(struct stratum_document_cursor *cursor,
                                     uint64_t from,
                                     struct stratum_error **error);

/**
 * Frees the cursor and sets `*cursor` to NULL. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread.
 */
int32_t stratum_document_cursor_free(struct stratum_document_cursor **cursor);

/**
 * A cursor over the inputs of a document in their order. It keeps the moment of the view and may outlive it. The
 * caller frees it with stratum_input_cursor_free.
 * Errors: STRATUM_NOT_FOUND, STRATUM_CLOSED, STRATUM_IO, STRATUM_CORRUPTION.
 *
 * Thread safety: any thread.
 */
int32_t stratum_view_input_cursor(const struct stratum_view *view,
                                  uint64_t document,
                                  struct stratum_input_cursor **cursor,
                                  struct stratum_error **error);

/**
 * The next input with its value, columns and output. Borrowed: valid until the next call on this cursor, or its free.
 * Errors: STRATUM_END (past the last), STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO, STRATUM_CORRUPTION, STRATUM_NO_MEMORY
 * (the cursor stays where it is).
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_input_cursor_next(struct stratum_input_cursor *cursor,
                                  const struct stratum_input **input,
                                  struct stratum_error **error);

/**
 * The next inputs as packed rows, little-endian, as many as there are and the buffer holds:
 *
 * -  0 u32 length of the row, this header included
 * -  4 u32 id of the input
 * -  8 u32 length of the value
 * - 12 u32 length of the output, 0 for none
 * - 16 u32 length of the columns section, 0 for none
 * - 20 u32 0
 * - 24 the value, the output, the columns
 *
 * with lengths in units of 8 bytes, and values and columns in their encoded form ("Value" and "Columns section" in
 * docs/format.md). An 8-aligned buffer has aligned rows. `*length` gets the bytes that were filled, above 0 where the
 * answer is STRATUM_OK; where not even the next row fits, the bytes that it needs, and the cursor stays where it is.
 * Errors: STRATUM_END (past the last), STRATUM_BUFFER_TOO_SMALL, STRATUM_CLOSED, STRATUM_BUSY, STRATUM_IO,
 * STRATUM_CORRUPTION (rows that were read before it are given first), STRATUM_NO_MEMORY (the cursor stays where it
 * is).
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_input_cursor_fill(struct stratum_input_cursor *cursor,
                                  void *buffer,
                                  size_t capacity,
                                  size_t *length,
                                  struct stratum_error **error);

/**
 * Frees the cursor and sets `*cursor` to NULL; what was borrowed from it ends. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread.
 */
int32_t stratum_input_cursor_free(struct stratum_input_cursor **cursor);

/* ---- Batches --------------------------------------------------------------------------------------------- */

/**
 * Makes an empty batch. The caller commits it with stratum_batch_commit or abandons it with stratum_batch_free.
 * Errors: STRATUM_CLOSED, STRATUM_POISONED; STRATUM_IO where a thread of the store's own cannot be started.
 *
 * Thread safety: any thread.
 */
int32_t stratum_batch_create(const struct stratum_db *db,
                             struct stratum_batch **batch,
                             struct stratum_error **error);

/**
 * Commits the batch, frees it and sets `*batch` to NULL. NULL options are the defaults. `*sequence` (may be NULL) gets
 * the commit's sequence number. Waits as the durability says, and shares the wait with commits on other threads. An
 * empty batch commits nothing.
 * Where it fails nothing of it is in the store (but see STRATUM_COMMIT_UNKNOWN), and the batch is freed all the same,
 * except after STRATUM_BUSY, STRATUM_INVALID_ARGUMENT for the options, and STRATUM_PANIC: then it is still the
 * caller's.
 * Errors: STRATUM_NOT_FOUND (others deleted what it changes), STRATUM_NO_SPACE, STRATUM_IO, STRATUM_COMMIT_UNKNOWN,
 * STRATUM_POISONED, STRATUM_CLOSED, STRATUM_BUSY (also inside a callback of the store).
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_commit(struct stratum_batch **batch,
                             const struct stratum_commit_options *options,
                             uint64_t *sequence,
                             struct stratum_error **error);

/**
 * Abandons the batch and sets `*batch` to NULL: nothing of it is written. A NULL is no error.
 * Errors: STRATUM_CLOSED (freed or committed already), STRATUM_INVALID_HANDLE.
 *
 * Thread safety: any thread.
 */
int32_t stratum_batch_free(struct stratum_batch **batch);

/**
 * Forgets everything in the batch; it can be used again. The ids that it handed out are skipped.
 * Errors: STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_clear(struct stratum_batch *batch, struct stratum_error **error);

/**
 * How many writes the batch holds, and its size in bytes as counted against max_batch_bytes. Either may be NULL.
 * Errors: STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_size(struct stratum_batch *batch,
                           uint64_t *operations,
                           uint64_t *bytes,
                           struct stratum_error **error);

/* ---- Writes: each on a batch ----------------------------------------------------------------------------- */

/**
 * Creates a document with a blob (any bytes, may be empty) and columns. `*document` (may be NULL) gets its id, which
 * is final and can be used in this batch at once.
 * Errors: STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT (a column name twice, or over 255 bytes; a value that cannot be
 * stored), STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_create_document(struct stratum_batch *batch,
                                      const void *blob,
                                      size_t blob_length,
                                      const struct stratum_column *columns,
                                      size_t column_count,
                                      uint64_t *document,
                                      struct stratum_error **error);

/**
 * Creates a document with its columns, inputs and outputs. `*ids` (may be NULL) gets the ids.
 * Errors: STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_put_tree(struct stratum_batch *batch,
                               const struct stratum_tree_desc *tree,
                               struct stratum_tree_ids *ids,
                               struct stratum_error **error);

/**
 * Replaces a document's blob, columns, inputs and outputs; the document keeps its id, the inputs get new ones. `*ids`
 * (may be NULL) gets the ids.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_replace_tree(struct stratum_batch *batch,
                                   uint64_t document,
                                   const struct stratum_tree_desc *tree,
                                   struct stratum_tree_ids *ids,
                                   struct stratum_error **error);

/**
 * Creates a document from a packed tree ("Packed tree" in docs/format.md; stratum_view_packed_tree gives one). Its
 * inputs get new ids, in their order. The buffer is checked whole before anything is taken. `*ids` (may be NULL) gets
 * the ids.
 * Errors: STRATUM_INVALID_ARGUMENT (not a packed tree), STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_put_packed(struct stratum_batch *batch,
                                 const void *packed,
                                 size_t packed_length,
                                 struct stratum_tree_ids *ids,
                                 struct stratum_error **error);

/**
 * Replaces a document by a packed tree; the document keeps its id, the inputs get new ones. `*ids` (may be NULL) gets
 * the ids.
 * Errors: STRATUM_NOT_FOUND, STRATUM_INVALID_ARGUMENT (not a packed tree), STRATUM_TOO_LARGE, STRATUM_CLOSED,
 * STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_replace_packed(struct stratum_batch *batch,
                                     uint64_t document,
                                     const void *packed,
                                     size_t packed_length,
                                     struct stratum_tree_ids *ids,
                                     struct stratum_error **error);

/**
 * Replaces the blob of a document.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_set_blob(struct stratum_batch *batch,
                               uint64_t document,
                               const void *blob,
                               size_t blob_length,
                               struct stratum_error **error);

/**
 * Sets a column of a document: creates or replaces it.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_set_column(struct stratum_batch *batch,
                                 uint64_t document,
                                 const char *name,
                                 size_t name_length,
                                 const struct stratum_value *value,
                                 struct stratum_error **error);

/**
 * Removes a column of a document.
 * Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_INVALID_ARGUMENT, STRATUM_TOO_LARGE, STRATUM_CLOSED,
 * STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_remove_column(struct stratum_batch *batch,
                                    uint64_t document,
                                    const char *name,
                                    size_t name_length,
                                    struct stratum_error **error);

/**
 * Deletes a document with its columns, inputs and outputs. Its id is never used again.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_delete_document(struct stratum_batch *batch,
                                      uint64_t document,
                                      struct stratum_error **error);

/**
 * Appends an input to a document. `*input` (may be NULL) gets its id, which is final and can be used in this batch at
 * once.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_append_input(struct stratum_batch *batch,
                                   uint64_t document,
                                   const struct stratum_value *value,
                                   uint64_t *input,
                                   struct stratum_error **error);

/**
 * Inserts an input before the input `before`. `*input` (may be NULL) gets its id, which is final and can be used in
 * this batch at once.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_insert_input(struct stratum_batch *batch,
                                   uint64_t document,
                                   uint64_t before,
                                   const struct stratum_value *value,
                                   uint64_t *input,
                                   struct stratum_error **error);

/**
 * Moves an input before the input `before`, or to the end where that is 0.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_move_input(struct stratum_batch *batch,
                                 uint64_t document,
                                 uint64_t input,
                                 uint64_t before,
                                 struct stratum_error **error);

/**
 * Replaces the value of an input; its place, columns and output stay.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_replace_input(struct stratum_batch *batch,
                                    uint64_t document,
                                    uint64_t input,
                                    const struct stratum_value *value,
                                    struct stratum_error **error);

/**
 * Sets a column of an input: creates or replaces it.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_set_input_column(struct stratum_batch *batch,
                                       uint64_t document,
                                       uint64_t input,
                                       const char *name,
                                       size_t name_length,
                                       const struct stratum_value *value,
                                       struct stratum_error **error);

/**
 * Removes a column of an input.
 * Errors: STRATUM_NOT_FOUND (also: no such column), STRATUM_INVALID_ARGUMENT, STRATUM_TOO_LARGE, STRATUM_CLOSED,
 * STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_remove_input_column(struct stratum_batch *batch,
                                          uint64_t document,
                                          uint64_t input,
                                          const char *name,
                                          size_t name_length,
                                          struct stratum_error **error);

/**
 * Deletes an input with its columns and its output. Its id is never used again in the document.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_delete_input(struct stratum_batch *batch,
                                   uint64_t document,
                                   uint64_t input,
                                   struct stratum_error **error);

/**
 * Sets the output of an input: creates or replaces it.
 * Errors: STRATUM_NOT_FOUND, STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_set_output(struct stratum_batch *batch,
                                 uint64_t document,
                                 uint64_t input,
                                 const struct stratum_value *value,
                                 struct stratum_error **error);

/**
 * Replaces the output of an input, which must be there.
 * Errors: STRATUM_NOT_FOUND (also: no output yet), STRATUM_TOO_LARGE, STRATUM_INVALID_ARGUMENT, STRATUM_CLOSED,
 * STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_update_output(struct stratum_batch *batch,
                                    uint64_t document,
                                    uint64_t input,
                                    const struct stratum_value *value,
                                    struct stratum_error **error);

/**
 * Deletes the output of an input.
 * Errors: STRATUM_NOT_FOUND (also: no output), STRATUM_TOO_LARGE, STRATUM_CLOSED, STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_delete_output(struct stratum_batch *batch,
                                    uint64_t document,
                                    uint64_t input,
                                    struct stratum_error **error);

/* ---- Writes in one buffer -------------------------------------------------------------------------------- */

/**
 * Many writes in one call: `operations` is a run of rows, little-endian, each
 *
 * -  0 u32 operation: STRATUM_OP_*
 * -  4 u32 length of the row in units of 8 bytes, this header included
 * -  8 u64 document
 * - 16 u64 input
 * - 24 u64 before
 * - 32 u32 length of the name in bytes
 * - 36 u32 length of the columns in units of 8 bytes
 * - 40 u64 length of the body in bytes
 * - 48 the name, the columns, the body, each padded with zeros to a multiple of 8
 *
 * What an operation does not use is 0. Values and columns are in their encoded form ("Value" and "Columns section" in
 * docs/format.md). An id with the top bit set stands for what the row of that number (from 0) makes: 2^63 is the
 * document of the first row.
 * `*applied` (may be NULL) gets the number of rows that were applied, also on failure, when those before the failing
 * one stay in the batch. `ids` (may be NULL with capacity 0) gets one id for each row, on success: what it makes, else
 * 0.
 * Errors: those of the operations; STRATUM_INVALID_ARGUMENT for a row that is not well-formed;
 * STRATUM_BUFFER_TOO_SMALL where `capacity` is neither 0 nor enough (nothing was applied); STRATUM_CLOSED,
 * STRATUM_BUSY.
 *
 * Thread safety: one thread at a time.
 */
int32_t stratum_batch_apply_packed(struct stratum_batch *batch,
                                   const void *operations,
                                   size_t length,
                                   uint64_t *ids,
                                   size_t capacity,
                                   size_t *applied,
                                   struct stratum_error **error);

/**
 * stratum_batch_apply_packed and a commit in one call: all rows or none. `*applied` tells which row failed.
 * Errors: as stratum_batch_apply_packed and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_apply_packed(const struct stratum_db *db,
                                const void *operations,
                                size_t length,
                                uint64_t *ids,
                                size_t capacity,
                                size_t *applied,
                                struct stratum_error **error);

/* ---- Writes as single calls ------------------------------------------------------------------------------ */

/**
 * stratum_batch_create_document and a commit in one call. `*document` (may be NULL) gets the id.
 * Errors: as stratum_batch_create_document and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_create_document(const struct stratum_db *db,
                                   const void *blob,
                                   size_t blob_length,
                                   const struct stratum_column *columns,
                                   size_t column_count,
                                   uint64_t *document,
                                   struct stratum_error **error);

/**
 * stratum_batch_put_tree and a commit in one call. `*ids` (may be NULL) gets the ids.
 * Errors: as stratum_batch_put_tree and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_put_tree(const struct stratum_db *db,
                            const struct stratum_tree_desc *tree,
                            struct stratum_tree_ids *ids,
                            struct stratum_error **error);

/**
 * stratum_batch_replace_tree and a commit in one call. `*ids` (may be NULL) gets the ids.
 * Errors: as stratum_batch_replace_tree and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_replace_tree(const struct stratum_db *db,
                                uint64_t document,
                                const struct stratum_tree_desc *tree,
                                struct stratum_tree_ids *ids,
                                struct stratum_error **error);

/**
 * stratum_batch_put_packed and a commit in one call. `*ids` (may be NULL) gets the ids.
 * Errors: as stratum_batch_put_packed and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_put_packed(const struct stratum_db *db,
                              const void *packed,
                              size_t packed_length,
                              struct stratum_tree_ids *ids,
                              struct stratum_error **error);

/**
 * stratum_batch_replace_packed and a commit in one call. `*ids` (may be NULL) gets the ids.
 * Errors: as stratum_batch_replace_packed and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_replace_packed(const struct stratum_db *db,
                                  uint64_t document,
                                  const void *packed,
                                  size_t packed_length,
                                  struct stratum_tree_ids *ids,
                                  struct stratum_error **error);

/**
 * stratum_batch_set_blob and a commit in one call.
 * Errors: as stratum_batch_set_blob and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_set_blob(const struct stratum_db *db,
                            uint64_t document,
                            const void *blob,
                            size_t blob_length,
                            struct stratum_error **error);

/**
 * stratum_batch_set_column and a commit in one call.
 * Errors: as stratum_batch_set_column and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_set_column(const struct stratum_db *db,
                              uint64_t document,
                              const char *name,
                              size_t name_length,
                              const struct stratum_value *value,
                              struct stratum_error **error);

/**
 * stratum_batch_remove_column and a commit in one call.
 * Errors: as stratum_batch_remove_column and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_remove_column(const struct stratum_db *db,
                                 uint64_t document,
                                 const char *name,
                                 size_t name_length,
                                 struct stratum_error **error);

/**
 * stratum_batch_delete_document and a commit in one call.
 * Errors: as stratum_batch_delete_document and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_delete_document(const struct stratum_db *db,
                                   uint64_t document,
                                   struct stratum_error **error);

/**
 * stratum_batch_append_input and a commit in one call. `*input` (may be NULL) gets the id.
 * Errors: as stratum_batch_append_input and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_append_input(const struct stratum_db *db,
                                uint64_t document,
                                const struct stratum_value *value,
                                uint64_t *input,
                                struct stratum_error **error);

/**
 * stratum_batch_insert_input and a commit in one call. `*input` (may be NULL) gets the id.
 * Errors: as stratum_batch_insert_input and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_insert_input(const struct stratum_db *db,
                                uint64_t document,
                                uint64_t before,
                                const struct stratum_value *value,
                                uint64_t *input,
                                struct stratum_error **error);

/**
 * stratum_batch_move_input and a commit in one call.
 * Errors: as stratum_batch_move_input and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_move_input(const struct stratum_db *db,
                              uint64_t document,
                              uint64_t input,
                              uint64_t before,
                              struct stratum_error **error);

/**
 * stratum_batch_replace_input and a commit in one call.
 * Errors: as stratum_batch_replace_input and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_replace_input(const struct stratum_db *db,
                                 uint64_t document,
                                 uint64_t input,
                                 const struct stratum_value *value,
                                 struct stratum_error **error);

/**
 * stratum_batch_set_input_column and a commit in one call.
 * Errors: as stratum_batch_set_input_column and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_set_input_column(const struct stratum_db *db,
                                    uint64_t document,
                                    uint64_t input,
                                    const char *name,
                                    size_t name_length,
                                    const struct stratum_value *value,
                                    struct stratum_error **error);

/**
 * stratum_batch_remove_input_column and a commit in one call.
 * Errors: as stratum_batch_remove_input_column and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_remove_input_column(const struct stratum_db *db,
                                       uint64_t document,
                                       uint64_t input,
                                       const char *name,
                                       size_t name_length,
                                       struct stratum_error **error);

/**
 * stratum_batch_delete_input and a commit in one call.
 * Errors: as stratum_batch_delete_input and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_delete_input(const struct stratum_db *db,
                                uint64_t document,
                                uint64_t input,
                                struct stratum_error **error);

/**
 * stratum_batch_set_output and a commit in one call.
 * Errors: as stratum_batch_set_output and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_set_output(const struct stratum_db *db,
                              uint64_t document,
                              uint64_t input,
                              const struct stratum_value *value,
                              struct stratum_error **error);

/**
 * stratum_batch_update_output and a commit in one call.
 * Errors: as stratum_batch_update_output and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_update_output(const struct stratum_db *db,
                                 uint64_t document,
                                 uint64_t input,
                                 const struct stratum_value *value,
                                 struct stratum_error **error);

/**
 * stratum_batch_delete_output and a commit in one call.
 * Errors: as stratum_batch_delete_output and stratum_batch_commit.
 *
 * Thread safety: any thread.
 */
int32_t stratum_db_delete_output(const struct stratum_db *db,
                                 uint64_t document,
                                 uint64_t input,
                                 struct stratum_error **error);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* STRATUM_H */
