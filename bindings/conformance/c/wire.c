/* See wire.h. Canonical JSON is what ../README.md says, to the byte. */
#include "wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void broken(const char *what, const char *detail)
{
    fprintf(stderr, "%s: %s\n", what, detail != NULL ? detail : "");
    exit(2);
}

static void **kept;
static size_t kept_count;

void *take(size_t count, size_t size)
{
    void *block = calloc(count > 0 ? count : 1, size);
    kept = realloc(kept, (kept_count + 1) * sizeof *kept);
    if (block == NULL || kept == NULL) {
        broken("no memory", NULL);
    }
    kept[kept_count++] = block;
    return block;
}

void free_all(void)
{
    while (kept_count > 0) {
        free(kept[--kept_count]);
    }
    free(kept);
    kept = NULL;
}

static char *room(struct text *text, size_t length)
{
    if (text->capacity - text->length < length + 1) {
        text->capacity = 2 * text->capacity + length + 1;
        text->data = realloc(text->data, text->capacity);
        if (text->data == NULL) {
            broken("no memory", NULL);
        }
    }
    return text->data + text->length;
}

void put(struct text *text, const char *format, ...)
{
    char piece[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof piece) {
        broken("too long a piece", format);
    }
    memcpy(room(text, (size_t)length), piece, (size_t)length + 1);
    text->length += (size_t)length;
}

void put_quoted(struct text *text, const char *data, size_t length)
{
    put(text, "\"");
    for (size_t at = 0; at < length; ++at) {
        const unsigned char c = (unsigned char)data[at];
        if (c < 0x20) {
            put(text, "\\u%04x", c);
        } else {
            put(text, c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
    }
    put(text, "\"");
}

void put_number(struct text *text, uint64_t number)
{
    put(text, "\"%" PRIu64 "\"", number);
}

void put_hex(struct text *text, const void *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *out;
    put(text, "\"");
    out = room(text, 2 * length);
    for (size_t at = 0; at < length; ++at) {
        *out++ = digits[bytes[at] >> 4];
        *out++ = digits[bytes[at] & 15];
    }
    text->length += 2 * length;
    put(text, "\"");
}

static void put_double(struct text *text, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put(text, "\"%016" PRIx64 "\"", bits);
}

static void put_text(struct text *text, stratum_text content)
{
    put_quoted(text, content.data, content.length);
}

static void put_list(struct text *text, const stratum_value *value)
{
    for (size_t at = 0; at < value->count; ++at) {
        put(text, at > 0 ? "," : "");
        switch (value->kind) {
        case STRATUM_KIND_INT64_LIST: put(text, "\"%" PRId64 "\"", value->as.int64s[at]); break;
        case STRATUM_KIND_DOUBLE_LIST: put_double(text, value->as.doubles[at]); break;
        case STRATUM_KIND_STRING_LIST: put_text(text, value->as.strings[at]); break;
        case STRATUM_KIND_STRING_MAP:
            put(text, "[");
            put_text(text, value->as.strings[2 * at]);
            put(text, ",");
            put_text(text, value->as.strings[2 * at + 1]);
            put(text, "]");
            break;
        case STRATUM_KIND_LIST: put_value(text, &value->as.values[at]); break;
        default:
            put(text, "[");
            put_text(text, value->as.entries[at].key);
            put(text, ",");
            put_value(text, &value->as.entries[at].value);
            put(text, "]");
        }
    }
}

static const char *const kinds[] = {"",           "null",        "bool",        "int64",      "double",
                                    "decimal",    "string",      "bytes",       "int64_list", "double_list",
                                    "string_list", "string_map", "list",        "map"};
#define KINDS (sizeof kinds / sizeof *kinds)

void put_value(struct text *text, const stratum_value *value)
{
    if (value->kind == 0 || value->kind >= KINDS) {
        broken("a kind that this runner does not know", NULL);
    }
    put(text, "{\"%s\":", kinds[value->kind]);
    switch (value->kind) {
    case STRATUM_KIND_NULL: put(text, "null"); break;
    case STRATUM_KIND_BOOL: put(text, value->as.boolean ? "true" : "false"); break;
    case STRATUM_KIND_INT64: put(text, "\"%" PRId64 "\"", value->as.int64); break;
    case STRATUM_KIND_DOUBLE: put_double(text, value->as.float64); break;
    case STRATUM_KIND_DECIMAL:
    case STRATUM_KIND_STRING: put_quoted(text, value->as.text, value->count); break;
    case STRATUM_KIND_BYTES: put_hex(text, value->as.bytes, value->count); break;
    default:
        put(text, "[");
        put_list(text, value);
        put(text, "]");
    }
    put(text, "}");
}

void put_columns(struct text *text, const stratum_column *columns, size_t count)
{
    put(text, "[");
    for (size_t at = 0; at < count; ++at) {
        put(text, at > 0 ? ",[" : "[");
        put_text(text, columns[at].name);
        put(text, ",");
        put_value(text, &columns[at].value);
        put(text, "]");
    }
    put(text, "]");
}

void put_input(struct text *text, const stratum_input *input)
{
    put(text, "{\"id\":");
    put_number(text, input->id);
    put(text, ",\"value\":");
    put_value(text, &input->value);
    put(text, ",\"columns\":");
    put_columns(text, input->columns, input->column_count);
    put(text, ",\"output\":");
    if (input->output != NULL) {
        put_value(text, input->output);
    } else {
        put(text, "null");
    }
    put(text, "}");
}

void put_inputs(struct text *text, const stratum_input *inputs, size_t count)
{
    put(text, "[");
    for (size_t at = 0; at < count; ++at) {
        put(text, at > 0 ? "," : "");
        put_input(text, &inputs[at]);
    }
    put(text, "]");
}

void put_ids(struct text *text, const uint64_t *ids, size_t count)
{
    put(text, "[");
    for (size_t at = 0; at < count; ++at) {
        put(text, at > 0 ? "," : "");
        put_number(text, ids[at]);
    }
    put(text, "]");
}

void put_tree(struct text *text, const stratum_tree_desc *tree)
{
    put(text, "{\"blob\":");
    put_hex(text, tree->blob, tree->blob_length);
    put(text, ",\"columns\":");
    put_columns(text, tree->columns, tree->column_count);
    put(text, ",\"inputs\":");
    put_inputs(text, tree->inputs, tree->input_count);
    put(text, "}");
}

unsigned char *unhex(const char *hex, size_t *length)
{
    *length = strlen(hex) / 2;
    unsigned char *bytes = take(*length, 1);
    for (size_t at = 0; at < *length; ++at) {
        const char pair[3] = {hex[2 * at], hex[2 * at + 1], '\0'};
        char *end;
        bytes[at] = (unsigned char)strtoul(pair, &end, 16);
        if (*end != '\0') {
            broken("no hex", hex);
        }
    }
    return bytes;
}

static stratum_text read_text(const json_t *json)
{
    stratum_text text = {json_string_value(json), json_string_length(json)};
    if (text.data == NULL) {
        broken("no text", NULL);
    }
    return text;
}

static double read_double(const json_t *json)
{
    const uint64_t bits = strtoull(read_text(json).data, NULL, 16);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static stratum_value read_list(unsigned kind, const json_t *json)
{
    const size_t count = json_array_size(json);
    int64_t *int64s = take(count, sizeof *int64s);
    double *doubles = take(count, sizeof *doubles);
    stratum_text *strings = take(2 * count, sizeof *strings);
    stratum_value *values = take(count, sizeof *values);
    stratum_entry *entries = take(count, sizeof *entries);
    for (size_t at = 0; at < count; ++at) {
        const json_t *item = json_array_get(json, at);
        switch (kind) {
        case STRATUM_KIND_INT64_LIST: int64s[at] = strtoll(read_text(item).data, NULL, 10); break;
        case STRATUM_KIND_DOUBLE_LIST: doubles[at] = read_double(item); break;
        case STRATUM_KIND_STRING_LIST: strings[at] = read_text(item); break;
        case STRATUM_KIND_STRING_MAP:
            strings[2 * at] = read_text(json_array_get(item, 0));
            strings[2 * at + 1] = read_text(json_array_get(item, 1));
            break;
        case STRATUM_KIND_LIST: values[at] = read_value(item); break;
        default:
            entries[at].key = read_text(json_array_get(item, 0));
            entries[at].value = read_value(json_array_get(item, 1));
        }
    }
    switch (kind) {
    case STRATUM_KIND_INT64_LIST: return stratum_value_int64_list(int64s, count);
    case STRATUM_KIND_DOUBLE_LIST: return stratum_value_double_list(doubles, count);
    case STRATUM_KIND_STRING_LIST: return stratum_value_string_list(strings, count);
    case STRATUM_KIND_STRING_MAP: return stratum_value_string_map(strings, count);
    case STRATUM_KIND_LIST: return stratum_value_list(values, count);
    default: return stratum_value_map(entries, count);
    }
}

/* {"nest": [levels, value]}: the value within that many lists. */
static stratum_value read_nest(const json_t *json)
{
    stratum_value value = read_value(json_array_get(json, 1));
    for (long level = strtol(read_text(json_array_get(json, 0)).data, NULL, 10); level > 0; --level) {
        stratum_value *inner = take(1, sizeof *inner);
        *inner = value;
        value = stratum_value_list(inner, 1);
    }
    return value;
}

stratum_value read_value(const json_t *json)
{
    void *field = json_object_iter((json_t *)json);
    if (field == NULL || json_object_size(json) != 1) {
        broken("no value", NULL);
    }
    const char *kind = json_object_iter_key(field);
    const json_t *content = json_object_iter_value(field);
    unsigned number = 1;
    if (strcmp(kind, "nest") == 0) {
        return read_nest(content);
    }
    while (number < KINDS && strcmp(kind, kinds[number]) != 0) {
        ++number;
    }
    switch (number) {
    case STRATUM_KIND_NULL: return stratum_value_null();
    case STRATUM_KIND_BOOL: return stratum_value_bool(json_is_true(content));
    case STRATUM_KIND_INT64: return stratum_value_int64(strtoll(read_text(content).data, NULL, 10));
    case STRATUM_KIND_DOUBLE: return stratum_value_double(read_double(content));
    case STRATUM_KIND_DECIMAL: return stratum_value_decimal(read_text(content).data, read_text(content).length);
    case STRATUM_KIND_STRING: return stratum_value_string(read_text(content).data, read_text(content).length);
    case STRATUM_KIND_BYTES: {
        size_t length;
        const unsigned char *bytes = unhex(read_text(content).data, &length);
        return stratum_value_bytes(bytes, length);
    }
    case KINDS: broken("no kind", kind);
    }
    return read_list(number, content);
}

stratum_column *read_columns(const json_t *json, size_t *count)
{
    *count = json_array_size(json);
    stratum_column *columns = take(*count, sizeof *columns);
    for (size_t at = 0; at < *count; ++at) {
        const json_t *column = json_array_get(json, at);
        columns[at].name = read_text(json_array_get(column, 0));
        columns[at].value = read_value(json_array_get(column, 1));
    }
    return columns;
}

stratum_tree_desc read_tree(const json_t *json)
{
    stratum_tree_desc tree;
    const json_t *blob = json_object_get(json, "blob");
    const json_t *inputs = json_object_get(json, "inputs");
    memset(&tree, 0, sizeof tree);
    tree.struct_size = sizeof tree;
    if (blob != NULL) {
        tree.blob = unhex(read_text(blob).data, &tree.blob_length);
    }
    tree.columns = read_columns(json_object_get(json, "columns"), &tree.column_count);
    tree.input_count = json_array_size(inputs);
    stratum_input *rows = take(tree.input_count, sizeof *rows);
    for (size_t at = 0; at < tree.input_count; ++at) {
        const json_t *input = json_array_get(inputs, at);
        const json_t *output = json_object_get(input, "output");
        rows[at].value = read_value(json_object_get(input, "value"));
        rows[at].columns = read_columns(json_object_get(input, "columns"), &rows[at].column_count);
        if (output != NULL && !json_is_null(output)) {
            stratum_value *value = take(1, sizeof *value);
            *value = read_value(output);
            rows[at].output = value;
        }
    }
    tree.inputs = rows;
    return tree;
}
