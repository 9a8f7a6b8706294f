/* From libyaml's document to values. */
#include "yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* The store nests 64 deep. */
#define MAX_DEPTH 60
/* A few lines of aliases of aliases can stand for billions of nodes. */
#define MAX_NODES 100000

struct conversion {
    struct arena *arena;
    const char *path;
    yaml_document_t *document;
    yaml_is_typed is_typed;
    size_t nodes;
};

static int refuse(const struct conversion *conversion, const yaml_node_t *node, const char *why)
{
    return complain("%s: line %zu: %s", conversion->path, node->start_mark.line + 1, why);
}

static bool is_one_of(struct stratum_text text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (text_is(text, *words))
            return true;
    return false;
}

static bool is_null(struct stratum_text text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_integer(const char *text)
{
    size_t digits;
    text += *text == '-' || *text == '+';
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o'))
        digits = strspn(text + 2, text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567"), text += 2;
    else
        digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '\0';
}

/* In the number grammar of JSON, where that can be had by leaving out what it does not allow in front. */
static struct stratum_value decimal(struct arena *arena, const char *text)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    size_t dot;

    digits += strspn(digits, "0");
    dot = strcspn(digits, ".");
    if (digits[dot] == '.' && strspn(digits + dot + 1, "0123456789") == 0)
        return stratum_value_string(text, strlen(text));
    text = arena_format(arena, "%s%s%s", negative ? "-" : "", strchr(".eE", *digits) != NULL ? "0" : "", digits);
    return stratum_value_decimal(text, strlen(text));
}

static struct stratum_value integer(struct arena *arena, const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool octal = digits[0] == '0' && digits[1] == 'o', hexadecimal = digits[0] == '0' && digits[1] == 'x';
    char *plain = octal || hexadecimal ? arena_format(arena, "%s%s", *text == '-' ? "-" : "", digits + 2) : NULL;
    intmax_t number;

    errno = 0;
    number = strtoimax(plain != NULL ? plain : text, NULL, octal ? 8 : hexadecimal ? 16 : 10);
    if (errno == 0 && number >= INT64_MIN && number <= INT64_MAX)
        return stratum_value_int64((int64_t)number);
    /* No decimal text for a number in another base: what stands there is kept. */
    return plain != NULL ? stratum_value_string(text, strlen(text)) : decimal(arena, text);
}

static struct stratum_value real(struct arena *arena, const char *text)
{
    double number = strtod(text, NULL);
    return isinf(number) ? decimal(arena, text) : stratum_value_double(number);
}

/* A plain scalar by the rules of the core schema. */
static struct stratum_value typed(struct arena *arena, struct stratum_text text)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};
    static const char *const infinite[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
    static const char *const minus_infinite[] = {"-.inf", "-.Inf", "-.INF", NULL};
    static const char *const not_a_number[] = {".nan", ".NaN", ".NAN", NULL};

    if (is_one_of(text, yes) || is_one_of(text, no))
        return stratum_value_bool(is_one_of(text, yes));
    if (is_one_of(text, infinite))
        return stratum_value_double(HUGE_VAL);
    if (is_one_of(text, minus_infinite))
        return stratum_value_double(-HUGE_VAL);
    if (is_one_of(text, not_a_number))
        return stratum_value_double(NAN);
    if (strlen(text.data) == text.length && is_integer(text.data))
        return integer(arena, text.data);
    if (strlen(text.data) == text.length && is_decimal(text.data))
        return real(arena, text.data);
    return stratum_value_string(text.data, text.length);
}

/* A copy, since libyaml frees its own. */
static struct stratum_text scalar_text(struct arena *arena, const yaml_node_t *node)
{
    struct stratum_text text;
    text.data = (const char *)node->data.scalar.value;
    text.length = node->data.scalar.length;
    text.data = text_copy(arena, text);
    return text;
}

static int convert(struct conversion *conversion, int id, int depth, bool as_text, struct stratum_value *value);

/* The elements as a packed list, where all are of the same kind that has one. */
static struct stratum_value packed_list(struct arena *arena, const struct stratum_value *values, size_t count)
{
    uint32_t kind = count == 0 ? STRATUM_KIND_NULL : values[0].kind;
    size_t at;

    for (at = 0; at < count && values[at].kind == kind; at++)
        ;
    if (at == count && kind == STRATUM_KIND_INT64) {
        int64_t *numbers = arena_grow(arena, NULL, 0, count, sizeof *numbers);
        for (at = 0; at < count; at++)
            numbers[at] = values[at].as.int64;
        return stratum_value_int64_list(numbers, count);
    }
    if (at == count && kind == STRATUM_KIND_DOUBLE) {
        double *numbers = arena_grow(arena, NULL, 0, count, sizeof *numbers);
        for (at = 0; at < count; at++)
            numbers[at] = values[at].as.float64;
        return stratum_value_double_list(numbers, count);
    }
    if (at == count && kind == STRATUM_KIND_STRING) {
        struct stratum_text *texts = arena_grow(arena, NULL, 0, count, sizeof *texts);
        for (at = 0; at < count; at++)
            bytes_of_value(&values[at], &texts[at]);
        return stratum_value_string_list(texts, count);
    }
    return stratum_value_list(values, count);
}

static struct stratum_value packed_map(struct arena *arena, const struct stratum_entry *entries, size_t count)
{
    struct stratum_text *texts;
    size_t at;

    for (at = 0; at < count && entries[at].value.kind == STRATUM_KIND_STRING; at++)
        ;
    if (count == 0 || at < count)
        return stratum_value_map(entries, count);
    texts = arena_grow(arena, NULL, 0, 2 * count, sizeof *texts);
    for (at = 0; at < count; at++) {
        texts[2 * at] = entries[at].key;
        bytes_of_value(&entries[at].value, &texts[2 * at + 1]);
    }
    return stratum_value_string_map(texts, count);
}

static int convert_list(struct conversion *conversion, const yaml_node_t *node, int depth, bool as_text,
                        struct stratum_value *value)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - item), at;
    struct stratum_value *values = arena_grow(conversion->arena, NULL, 0, count, sizeof *values);

    for (at = 0; at < count; at++)
        if (convert(conversion, item[at], depth + 1, as_text, &values[at]) != 0)
            return -1;
    *value = packed_list(conversion->arena, values, count);
    return 0;
}

static int convert_entries(struct conversion *conversion, const yaml_node_t *node, int depth, bool as_text,
                           struct stratum_entry **entries, size_t *count)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    size_t at;

    *count = (size_t)(node->data.mapping.pairs.top - pair);
    *entries = arena_grow(conversion->arena, NULL, 0, *count, sizeof **entries);
    for (at = 0; at < *count; at++) {
        const yaml_node_t *key = yaml_document_get_node(conversion->document, pair[at].key);
        struct stratum_entry *entry = &(*entries)[at];
        bool top = depth == 0, entry_as_text;

        if (key == NULL || key->type != YAML_SCALAR_NODE)
            return refuse(conversion, key == NULL ? node : key, "a key that is not a text");
        entry->key = scalar_text(conversion->arena, key);
        if (text_is(entry->key, "<<"))
            return refuse(conversion, key, "merge keys (<<) are not supported: write the entries out");
        if (yaml_find(*entries, at, entry->key.data) != NULL)
            return refuse(conversion, key,
                          arena_format(conversion->arena, "the key `%s` a second time", entry->key.data));
        entry_as_text = top ? conversion->is_typed == NULL || !conversion->is_typed(entry->key) : as_text;
        if (convert(conversion, pair[at].value, depth + 1, entry_as_text, &entry->value) != 0)
            return -1;
    }
    return 0;
}

static int convert_scalar(struct conversion *conversion, const yaml_node_t *node, bool as_text,
                          struct stratum_value *value)
{
    struct stratum_text text = scalar_text(conversion->arena, node);
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (plain && is_null(text))
        *value = stratum_value_null();
    else if (plain && !as_text)
        *value = typed(conversion->arena, text);
    else
        *value = stratum_value_string(text.data, text.length);
    return 0;
}

static int convert(struct conversion *conversion, int id, int depth, bool as_text, struct stratum_value *value)
{
    const yaml_node_t *node = yaml_document_get_node(conversion->document, id);
    struct stratum_entry *entries;
    size_t count;

    if (node == NULL)
        return complain("%s: libyaml lost a node", conversion->path);
    if (depth > MAX_DEPTH)
        return refuse(conversion, node, "lists and maps nest too deep");
    if (++conversion->nodes > MAX_NODES)
        return refuse(conversion, node, "too many values (aliases of aliases?)");
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return convert_scalar(conversion, node, as_text, value);
    case YAML_SEQUENCE_NODE:
        return convert_list(conversion, node, depth, as_text, value);
    case YAML_MAPPING_NODE:
        if (convert_entries(conversion, node, depth, as_text, &entries, &count) != 0)
            return -1;
        *value = packed_map(conversion->arena, entries, count);
        return 0;
    default:
        return refuse(conversion, node, "a value that is none");
    }
}

static int convert_top(struct conversion *conversion, const struct stratum_entry **entries, size_t *count)
{
    yaml_node_t *root = yaml_document_get_root_node(conversion->document);
    struct stratum_entry *converted = NULL;

    *entries = NULL;
    *count = 0;
    if (root == NULL)
        return 0;
    if (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)
        return 0;
    if (root->type != YAML_MAPPING_NODE)
        return refuse(conversion, root, "not a map of keys to values");
    if (convert_entries(conversion, root, 0, true, &converted, count) != 0)
        return -1;
    *entries = converted;
    return 0;
}

int yaml_read(struct arena *arena, const char *path, struct stratum_text text, yaml_is_typed is_typed,
              const struct stratum_entry **entries, size_t *count)
{
    struct conversion conversion = {arena, path, NULL, is_typed, 0};
    yaml_parser_t parser;
    yaml_document_t document;
    int result;

    if (!yaml_parser_initialize(&parser))
        return complain("%s: libyaml has no memory", path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.length);
    if (!yaml_parser_load(&parser, &document)) {
        result = complain("%s: line %zu: not YAML: %s", path, parser.problem_mark.line + 1,
                          parser.problem != NULL ? parser.problem : "unknown problem");
    } else {
        conversion.document = &document;
        result = convert_top(&conversion, entries, count);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return result;
}

const struct stratum_value *yaml_find(const struct stratum_entry *entries, size_t count, const char *key)
{
    size_t at;
    for (at = 0; at < count; at++)
        if (text_is(entries[at].key, key))
            return &entries[at].value;
    return NULL;
}
