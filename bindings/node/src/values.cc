// Values of stratum.h as JavaScript values; ../README.md has the table.
//
// 1. Strings, numbers, bytes and arrays are made here; what needs a class of the package is made by lib/value.cjs, which
//    gets the kind and the content.

#include <cstring>

#include "addon.hpp"

namespace node_stratum {

// The NaN that JavaScript makes; the bits of any other would not survive it.
static constexpr std::uint64_t kPlainNan = 0x7ff8000000000000;

static napi_value special(napi_env env, std::uint32_t kind, napi_value content) {
    napi_value maker, self, arguments[2], made;
    if (content == nullptr || napi_get_reference_value(env, instance_of(env)->make_value, &maker) != napi_ok ||
        napi_get_undefined(env, &self) != napi_ok || napi_create_uint32(env, kind, &arguments[0]) != napi_ok) {
        return raise(env);
    }
    arguments[1] = content;
    return napi_call_function(env, self, maker, 2, arguments, &made) == napi_ok ? made : raise(env);
}

static napi_value float64(napi_env env, double given) {
    std::uint64_t bits;
    std::memcpy(&bits, &given, sizeof bits);
    napi_value value;
    if (given != given && bits != kPlainNan) {
        return special(env, STRATUM_KIND_DOUBLE, number(env, bits));
    }
    return napi_create_double(env, given, &value) == napi_ok ? value : raise(env);
}

static napi_value numbers(napi_env env, napi_typedarray_type type, const void *data, std::size_t count) {
    napi_value buffer, array;
    void *target = nullptr;
    if (napi_create_arraybuffer(env, count * 8, &target, &buffer) != napi_ok) {
        return raise(env);
    }
    if (count != 0) {
        std::memcpy(target, data, count * 8);
    }
    return napi_create_typedarray(env, type, count, buffer, 0, &array) == napi_ok ? array : raise(env);
}

// An array of `count` things that `make(at)` makes.
template <class Make>
static napi_value array(napi_env env, std::size_t count, Make make) {
    napi_value list;
    if (napi_create_array_with_length(env, count, &list) != napi_ok) {
        return raise(env);
    }
    for (std::size_t at = 0; at < count; ++at) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(env, &scope) != napi_ok) {
            return raise(env);
        }
        napi_value item = make(at);
        const bool made = item != nullptr && napi_set_element(env, list, static_cast<std::uint32_t>(at), item) == napi_ok;
        napi_close_handle_scope(env, scope);
        if (!made) {
            return raise(env);
        }
    }
    return list;
}

napi_value to_js(napi_env env, const stratum_value &value) {
    const auto text = [&](std::size_t at) {
        return string(env, value.as.strings[at].data, value.as.strings[at].length);
    };
    napi_value made;
    switch (value.kind) {
    case STRATUM_KIND_NULL:
        return napi_get_null(env, &made) == napi_ok ? made : raise(env);
    case STRATUM_KIND_BOOL:
        return boolean(env, value.as.boolean != 0);
    case STRATUM_KIND_INT64:
        return napi_create_bigint_int64(env, value.as.int64, &made) == napi_ok ? made : raise(env);
    case STRATUM_KIND_DOUBLE:
        return float64(env, value.as.float64);
    case STRATUM_KIND_DECIMAL:
        return special(env, value.kind, string(env, value.as.text, value.count));
    case STRATUM_KIND_STRING:
        return string(env, value.as.text, value.count);
    case STRATUM_KIND_BYTES:
        return copied(env, value.as.bytes, value.count);
    case STRATUM_KIND_INT64_LIST:
        return numbers(env, napi_bigint64_array, value.as.int64s, value.count);
    case STRATUM_KIND_DOUBLE_LIST:
        return numbers(env, napi_float64_array, value.as.doubles, value.count);
    case STRATUM_KIND_STRING_LIST:
        return special(env, value.kind, array(env, value.count, text));
    case STRATUM_KIND_STRING_MAP:
        return special(env, value.kind, array(env, 2 * value.count, text));
    case STRATUM_KIND_LIST:
        return array(env, value.count, [&](std::size_t at) { return to_js(env, value.as.values[at]); });
    case STRATUM_KIND_MAP:
        return special(env, value.kind, array(env, 2 * value.count, [&](std::size_t at) {
            const stratum_entry &entry = value.as.entries[at / 2];
            return at % 2 == 0 ? string(env, entry.key.data, entry.key.length) : to_js(env, entry.value);
        }));
    default:
        return raise(env, STRATUM_NEWER_FORMAT, "the library gave a kind of value that this package does not know");
    }
}

napi_value to_js(napi_env env, const stratum_column *columns, std::size_t count) {
    return array(env, 2 * count, [&](std::size_t at) {
        const stratum_column &column = columns[at / 2];
        return at % 2 == 0 ? string(env, column.name.data, column.name.length) : to_js(env, column.value);
    });
}

napi_value to_js(napi_env env, const stratum_input &input) {
    return array(env, 4, [&](std::size_t at) {
        switch (at) {
        case 0:
            return number(env, input.id);
        case 1:
            return to_js(env, input.value);
        case 2:
            return input.output == nullptr ? undefined(env) : to_js(env, *input.output);
        default:
            return to_js(env, input.columns, input.column_count);
        }
    });
}

}  // namespace node_stratum
