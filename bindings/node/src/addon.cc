// The addon's two symbols, its instance data, and what addon.hpp declares of arguments, errors and results.
//
// 1. Stores that are open when an environment ends are closed by the cleanup hook, before the finalizers run.

#include "addon.hpp"

#include <cstring>

namespace node_stratum {

Instance *instance_of(napi_env env) {
    void *data = nullptr;
    napi_get_instance_data(env, &data);
    return static_cast<Instance *>(data);
}

Args::Args(napi_env env, napi_callback_info info) : env_(env) {
    std::size_t count = kMost;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
}

bool Args::u64(std::size_t at, std::uint64_t *out) const {
    bool lossless = false;
    if (napi_get_value_bigint_uint64(env_, values_[at], out, &lossless) == napi_ok) {
        if (!lossless) {
            raise(env_, STRATUM_INVALID_ARGUMENT, "a number from 0 to 2^64 - 1 is needed");
        }
        return lossless;
    }
    double given = -1;
    if (napi_get_value_double(env_, values_[at], &given) == napi_ok && given >= 0 && given <= 9007199254740991.0 &&
        given == static_cast<double>(static_cast<std::uint64_t>(given))) {
        *out = static_cast<std::uint64_t>(given);
        return true;
    }
    raise(env_, STRATUM_INVALID_ARGUMENT, "a bigint or a whole number from 0 on is needed");
    return false;
}

static bool typed_array(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, std::size_t *length) {
    napi_typedarray_type type;
    return napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) == napi_ok && type == wanted;
}

bool Args::bytes(std::size_t at, std::uint8_t **data, std::size_t *length) const {
    void *start = nullptr;
    if (!typed_array(env_, values_[at], napi_uint8_array, &start, length)) {
        raise(env_, STRATUM_INVALID_ARGUMENT, "bytes must be a Uint8Array or a Buffer");
        return false;
    }
    *data = static_cast<std::uint8_t *>(start);
    return true;
}

bool Args::ids(std::size_t at, std::uint64_t **data, std::size_t *count) const {
    void *start = nullptr;
    if (!typed_array(env_, values_[at], napi_biguint64_array, &start, count)) {
        raise(env_, STRATUM_INVALID_ARGUMENT, "ids must be a BigUint64Array");
        return false;
    }
    *data = static_cast<std::uint64_t *>(start);
    return true;
}

bool Args::text(std::size_t at, std::string *out) const {
    // Names of columns fit into this: one call tells both the length and the text.
    char small[256];
    std::size_t length = 0;
    if (napi_get_value_string_utf8(env_, values_[at], small, sizeof small, &length) != napi_ok) {
        raise(env_, STRATUM_INVALID_ARGUMENT, "a string is needed");
        return false;
    }
    // What does not fit is cut before a character of up to four bytes.
    if (length + 4 < sizeof small) {
        out->assign(small, length);
        return true;
    }
    if (napi_get_value_string_utf8(env_, values_[at], nullptr, 0, &length) != napi_ok) {
        return false;
    }
    out->resize(length);
    return napi_get_value_string_utf8(env_, values_[at], &(*out)[0], length + 1, &length) == napi_ok;
}

bool Args::truth(std::size_t at) const {
    bool value = false;
    return napi_get_value_bool(env_, values_[at], &value) == napi_ok && value;
}

bool Args::is_function(std::size_t at) const {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, values_[at], &type) == napi_ok && type == napi_function;
}

Handle *Args::handle(std::size_t at, Kind kind) const {
    void *data = nullptr;
    // A value that is no external leaves the status of the failing call behind, not an exception.
    if (napi_get_value_external(env_, values_[at], &data) != napi_ok || static_cast<Handle *>(data)->kind != kind) {
        raise(env_, STRATUM_INVALID_HANDLE, "this object was not made by the library");
        return nullptr;
    }
    return static_cast<Handle *>(data);
}

napi_value raise(napi_env env) {
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (!pending) {
        const napi_extended_error_info *info = nullptr;
        napi_get_last_error_info(env, &info);
        const char *message = info != nullptr && info->error_message != nullptr ? info->error_message : "Node-API failed";
        napi_throw_error(env, nullptr, message);
    }
    return nullptr;
}

static napi_value make_error(napi_env env, std::int32_t status, const char *message, std::int32_t os_errno) {
    napi_value maker, self, arguments[3], made;
    const char *name = stratum_status_name(status);
    if (napi_get_reference_value(env, instance_of(env)->make_error, &maker) != napi_ok ||
        napi_get_undefined(env, &self) != napi_ok ||
        napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &arguments[0]) != napi_ok ||
        napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &arguments[1]) != napi_ok ||
        napi_create_int32(env, os_errno, &arguments[2]) != napi_ok ||
        napi_call_function(env, self, maker, 3, arguments, &made) != napi_ok) {
        return raise(env);
    }
    return made;
}

napi_value raise(napi_env env, std::int32_t status, const char *message) {
    napi_value error = make_error(env, status, message, 0);
    if (error != nullptr) {
        napi_throw(env, error);
    }
    return nullptr;
}

napi_value error_value(napi_env env, std::int32_t status, stratum_error *error, double applied) {
    const char *message = error == nullptr ? "" : stratum_error_message(error);
    napi_value made = make_error(env, status, message, error == nullptr ? 0 : stratum_error_os_errno(error));
    stratum_error_free(&error);
    napi_value count;
    if (made != nullptr && applied >= 0) {
        if (napi_create_double(env, applied, &count) != napi_ok || !put(env, made, "applied", count)) {
            return nullptr;
        }
    }
    return made;
}

napi_value raise(napi_env env, std::int32_t status, stratum_error *error, double needed, double applied) {
    napi_value made = error_value(env, status, error, applied);
    napi_value count;
    if (made != nullptr && needed >= 0) {
        if (napi_create_double(env, needed, &count) != napi_ok || !put(env, made, "needed", count)) {
            return nullptr;
        }
    }
    if (made != nullptr) {
        napi_throw(env, made);
    }
    return nullptr;
}

napi_value undefined(napi_env env) {
    napi_value value;
    return napi_get_undefined(env, &value) == napi_ok ? value : raise(env);
}

napi_value number(napi_env env, std::uint64_t number) {
    napi_value value;
    return napi_create_bigint_uint64(env, number, &value) == napi_ok ? value : raise(env);
}

napi_value boolean(napi_env env, bool given) {
    napi_value value;
    return napi_get_boolean(env, given, &value) == napi_ok ? value : raise(env);
}

napi_value string(napi_env env, const char *data, std::size_t length) {
    napi_value value;
    // A NULL is allowed for no bytes in stratum.h, and is none in Node-API.
    return napi_create_string_utf8(env, length == 0 ? "" : data, length, &value) == napi_ok ? value : raise(env);
}

static napi_value copied_array(napi_env env, napi_typedarray_type type, const void *data, std::size_t bytes, std::size_t size) {
    napi_value buffer, array;
    void *target = nullptr;
    if (napi_create_arraybuffer(env, bytes, &target, &buffer) != napi_ok) {
        return raise(env);
    }
    if (bytes != 0) {
        std::memcpy(target, data, bytes);
    }
    return napi_create_typedarray(env, type, bytes / size, buffer, 0, &array) == napi_ok ? array : raise(env);
}

napi_value copied(napi_env env, const void *data, std::size_t length) {
    return copied_array(env, napi_uint8_array, data, length, 1);
}

napi_value copied_ids(napi_env env, const std::uint64_t *ids, std::size_t count) {
    return copied_array(env, napi_biguint64_array, ids, count * sizeof(std::uint64_t), sizeof(std::uint64_t));
}

bool put(napi_env env, napi_value object, const char *name, napi_value value) {
    if (value != nullptr && napi_set_named_property(env, object, name, value) == napi_ok) {
        return true;
    }
    raise(env);
    return false;
}

// Frees what a Handle holds. Freeing what was freed already is STRATUM_CLOSED, which is all well here.
static void release(Handle *handle) {
    switch (handle->kind) {
    case Kind::Db: {
        auto *db = static_cast<stratum_db *>(handle->pointer);
        stratum_db_close(&db, nullptr);
        break;
    }
    case Kind::View: {
        auto *view = static_cast<stratum_view *>(handle->pointer);
        stratum_view_free(&view);
        break;
    }
    case Kind::Batch: {
        auto *batch = static_cast<stratum_batch *>(handle->pointer);
        stratum_batch_free(&batch);
        break;
    }
    case Kind::Documents: {
        auto *cursor = static_cast<stratum_document_cursor *>(handle->pointer);
        stratum_document_cursor_free(&cursor);
        break;
    }
    case Kind::Inputs: {
        auto *cursor = static_cast<stratum_input_cursor *>(handle->pointer);
        stratum_input_cursor_free(&cursor);
        break;
    }
    case Kind::Pinned: {
        auto *pinned = static_cast<stratum_pinned *>(handle->pointer);
        stratum_pinned_free(&pinned);
        break;
    }
    }
}

static void finalize_handle(napi_env, void *data, void *hint) {
    auto *handle = static_cast<Handle *>(data);
    if (handle->owned) {
        release(handle);
    }
    if (handle->kind == Kind::Db) {
        static_cast<Instance *>(hint)->stores.erase(handle);
    }
    delete handle;
}

napi_value wrap(napi_env env, Kind kind, const void *pointer, bool owned) {
    Instance *instance = instance_of(env);
    // The views that a store lends are const; nobody writes through them.
    auto *handle = new Handle{kind, const_cast<void *>(pointer), owned};
    napi_value external;
    if (napi_create_external(env, handle, finalize_handle, instance, &external) != napi_ok) {
        if (owned) {
            release(handle);
        }
        delete handle;
        return raise(env);
    }
    if (kind == Kind::Db && owned) {
        instance->stores.insert(handle);
    }
    return external;
}

static void close_stores(void *data) {
    for (Handle *handle : static_cast<Instance *>(data)->stores) {
        release(handle);
    }
}

static void free_instance(napi_env, void *data, void *) { delete static_cast<Instance *>(data); }

// setup(makeError, makeValue): before anything else.
static napi_value setup(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    Instance *instance = instance_of(env);
    if (napi_create_reference(env, args[0], 1, &instance->make_error) != napi_ok ||
        napi_create_reference(env, args[1], 1, &instance->make_value) != napi_ok) {
        return raise(env);
    }
    return undefined(env);
}

static napi_value version(napi_env env, napi_callback_info) {
    return string(env, stratum_version(), std::strlen(stratum_version()));
}

static napi_value status_name(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    std::int32_t status = 0;
    if (napi_get_value_int32(env, args[0], &status) != napi_ok) {
        return raise(env);
    }
    return string(env, stratum_status_name(status), std::strlen(stratum_status_name(status)));
}

static napi_value initialize(napi_env env, napi_value exports) {
    auto *instance = new Instance();
    if (napi_set_instance_data(env, instance, free_instance, nullptr) != napi_ok ||
        napi_add_env_cleanup_hook(env, close_stores, instance) != napi_ok) {
        return raise(env);
    }
    std::vector<Export> functions{{"setup", setup}, {"version", version}, {"statusName", status_name}};
    add_reads(&functions);
    add_writes(&functions);
    add_tasks(&functions);
    for (const Export &function : functions) {
        napi_value value;
        if (napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.function, nullptr, &value) != napi_ok ||
            !put(env, exports, function.name, value)) {
            return raise(env);
        }
    }
    return exports;
}

}  // namespace node_stratum

NAPI_MODULE_INIT() { return node_stratum::initialize(env, exports); }
