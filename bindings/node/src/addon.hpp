// What all parts of the addon share: handles of stratum.h as JavaScript values, arguments, errors, results.
//
// 1. Nothing is static but constants: what belongs to one environment (the main thread, a worker) is in its Instance.
// 2. A handle of stratum.h is a number that is never dereferenced. A Handle keeps it also after it was freed, and the
//    library answers every later call with STRATUM_CLOSED: no state of our own says what is open.
// 3. No memory of the library is ever seen by JavaScript: bytes are copied.
// 4. A function that fails leaves a pending exception and gives nullptr.
#pragma once

#include <node_api.h>
#include <stratum.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace node_stratum {

enum class Kind { Db, View, Batch, Documents, Inputs, Pinned };

/// A handle of stratum.h behind a JavaScript external.
struct Handle {
    Kind kind;
    void *pointer;
    /// Whether the garbage collector, or the end of the environment, frees it.
    bool owned;
};

/// What belongs to one environment.
struct Instance {
    /// Makes a StratumError: (code, message, errno) => Error.
    napi_ref make_error = nullptr;
    /// Makes a value of a kind that C++ does not: (kind, content) => value.
    napi_ref make_value = nullptr;
    /// Its open stores, for the cleanup hook.
    std::set<Handle *> stores;
};

Instance *instance_of(napi_env env);

/// The JavaScript arguments of a call, with what they mean for C.
class Args {
public:
    static constexpr std::size_t kMost = 8;

    Args(napi_env env, napi_callback_info info);

    napi_value operator[](std::size_t at) const { return values_[at]; }
    /// An unsigned 64-bit number: a bigint, or a number that is a safe integer. A bigint that is too large or negative is
    /// an exception.
    bool u64(std::size_t at, std::uint64_t *out) const;
    /// The bytes of a Uint8Array; they stay where they are for the duration of the call.
    bool bytes(std::size_t at, std::uint8_t **data, std::size_t *length) const;
    /// The numbers of a BigUint64Array, likewise.
    bool ids(std::size_t at, std::uint64_t **data, std::size_t *count) const;
    bool text(std::size_t at, std::string *out) const;
    bool truth(std::size_t at) const;
    bool is_function(std::size_t at) const;
    Handle *handle(std::size_t at, Kind kind) const;

    template <class T>
    T *pointer(std::size_t at, Kind kind) const {
        Handle *handle = this->handle(at, kind);
        return handle == nullptr ? nullptr : static_cast<T *>(handle->pointer);
    }

private:
    napi_env env_;
    napi_value values_[kMost];
};

/// Throws what N-API says went wrong, where nothing is thrown yet.
napi_value raise(napi_env env);
/// Throws a StratumError that this addon finds by itself.
napi_value raise(napi_env env, std::int32_t status, const char *message);
/// Throws the error of a failed call and frees it. `needed` and `applied`, where not negative, become members.
napi_value raise(napi_env env, std::int32_t status, stratum_error *error, double needed = -1, double applied = -1);
/// The same as an Error object, for a promise.
napi_value error_value(napi_env env, std::int32_t status, stratum_error *error, double applied = -1);

napi_value undefined(napi_env env);
napi_value number(napi_env env, std::uint64_t number);
napi_value boolean(napi_env env, bool value);
napi_value string(napi_env env, const char *data, std::size_t length);
/// A Uint8Array with a copy of the bytes.
napi_value copied(napi_env env, const void *data, std::size_t length);
/// A BigUint64Array with a copy of the numbers.
napi_value copied_ids(napi_env env, const std::uint64_t *ids, std::size_t count);
/// Sets a member; false with a pending exception.
bool put(napi_env env, napi_value object, const char *name, napi_value value);

/// A handle as an external that frees it when nobody holds it any more.
napi_value wrap(napi_env env, Kind kind, const void *pointer, bool owned = true);

napi_value to_js(napi_env env, const stratum_value &value);
/// [name, value, name, value...]
napi_value to_js(napi_env env, const stratum_column *columns, std::size_t count);
/// [id, value, output or undefined, columns]
napi_value to_js(napi_env env, const stratum_input &input);

napi_value to_js(napi_env env, const stratum_stats &stats);
napi_value to_js(napi_env env, const stratum_findings &findings);
napi_value to_js(napi_env env, const stratum_repair_result &result);
napi_value to_js(napi_env env, const stratum_progress &progress);
napi_value to_js(napi_env env, const stratum_repair_progress &progress);

/// Fills in all CRCs of a packed tree whose other bytes stand. False where it is not laid out like one.
bool seal(std::uint8_t *tree, std::size_t length);

using Function = napi_value (*)(napi_env, napi_callback_info);
struct Export {
    const char *name;
    Function function;
};
void add_reads(std::vector<Export> *exports);
void add_writes(std::vector<Export> *exports);
void add_tasks(std::vector<Export> *exports);

}  // namespace node_stratum
