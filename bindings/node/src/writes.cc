// Writes: batches, and everything that goes into one as packed rows. What waits for the disk is in tasks.cc.
//
// 1. All writes of the package come as rows of stratum_batch_apply_packed: one call, whatever they are.

#include "addon.hpp"

namespace node_stratum {

namespace {

// batchCreate(db)
napi_value batch_create(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    stratum_batch *batch = nullptr;
    stratum_error *error = nullptr;
    if (db == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_batch_create(db, &batch, &error);
    return status == STRATUM_OK ? wrap(env, Kind::Batch, batch) : raise(env, status, error);
}

// batchApply(batch, rows, ids): ids takes as many numbers as there are rows; gives how many.
napi_value batch_apply(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *batch = args.pointer<stratum_batch>(0, Kind::Batch);
    std::uint8_t *rows = nullptr;
    std::uint64_t *ids = nullptr;
    std::size_t length = 0, capacity = 0, applied = 0;
    stratum_error *error = nullptr;
    if (batch == nullptr || !args.bytes(1, &rows, &length) || !args.ids(2, &ids, &capacity)) {
        return nullptr;
    }
    const std::int32_t status = stratum_batch_apply_packed(batch, rows, length, ids, capacity, &applied, &error);
    if (status != STRATUM_OK) {
        return raise(env, status, error, -1, static_cast<double>(applied));
    }
    napi_value value;
    return napi_create_double(env, static_cast<double>(applied), &value) == napi_ok ? value : raise(env);
}

napi_value batch_clear(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *batch = args.pointer<stratum_batch>(0, Kind::Batch);
    stratum_error *error = nullptr;
    if (batch == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_batch_clear(batch, &error);
    return status == STRATUM_OK ? undefined(env) : raise(env, status, error);
}

// batchSize(batch): [operations, bytes].
napi_value batch_size(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *batch = args.pointer<stratum_batch>(0, Kind::Batch);
    std::uint64_t figures[2] = {0, 0};
    stratum_error *error = nullptr;
    if (batch == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_batch_size(batch, &figures[0], &figures[1], &error);
    return status == STRATUM_OK ? copied_ids(env, figures, 2) : raise(env, status, error);
}

napi_value batch_free(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *batch = args.pointer<stratum_batch>(0, Kind::Batch);
    if (batch == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_batch_free(&batch);
    return status == STRATUM_OK || status == STRATUM_CLOSED ? undefined(env) : raise(env, status, "it cannot be freed");
}

// sealTree(bytes)
napi_value seal_tree(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    std::uint8_t *tree = nullptr;
    std::size_t length = 0;
    if (!args.bytes(0, &tree, &length)) {
        return nullptr;
    }
    return seal(tree, length) ? undefined(env) : raise(env, STRATUM_INVALID_ARGUMENT, "not laid out as a packed tree");
}

}  // namespace

void add_writes(std::vector<Export> *exports) {
    const std::vector<Export> ours{
        {"batchCreate", batch_create}, {"batchApply", batch_apply}, {"batchClear", batch_clear},
        {"batchSize", batch_size},     {"batchFree", batch_free},   {"sealTree", seal_tree},
    };
    exports->insert(exports->end(), ours.begin(), ours.end());
}

}  // namespace node_stratum
