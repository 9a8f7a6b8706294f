// Reads: through views, cursors and pinned bytes. All are synchronous.
//
// 1. What is not there is `undefined`; so is the row behind a cursor's last.
// 2. Results of the library are freed before the function returns, whatever happens.

#include <cstring>

#include "addon.hpp"

namespace node_stratum {

namespace {

/// Frees on its way out of scope.
template <class T, std::int32_t (*Free)(T **)>
struct Guard {
    T *pointer = nullptr;
    ~Guard() { Free(&pointer); }
};
using Result = Guard<stratum_result, stratum_result_free>;
using Pinned = Guard<stratum_pinned, stratum_pinned_free>;

bool missing(std::int32_t status) { return status == STRATUM_NOT_FOUND || status == STRATUM_END; }

/// What a failed call comes to: `undefined` where something is not there, else an exception.
napi_value failed(napi_env env, std::int32_t status, stratum_error *error) {
    return missing(status) ? undefined(env) : raise(env, status, error);
}

/// A read of a document on a view that makes a T: fails, or shows it.
template <class Out, class Call, class Show>
napi_value read(napi_env env, napi_callback_info info, Call call, Show show) {
    const Args args(env, info);
    const auto *view = args.pointer<stratum_view>(0, Kind::View);
    std::uint64_t document = 0;
    if (view == nullptr || !args.u64(1, &document)) {
        return nullptr;
    }
    Out out{};
    stratum_error *error = nullptr;
    const std::int32_t status = call(args, view, document, &out, &error);
    if (status < 0) {
        return nullptr;
    }
    return status == STRATUM_OK ? show(out) : failed(env, status, error);
}

/// The call left an exception behind: no status of stratum.h.
constexpr std::int32_t kThrown = -1;

napi_value view_sequence(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *view = args.pointer<stratum_view>(0, Kind::View);
    std::uint64_t sequence = 0;
    stratum_error *error = nullptr;
    if (view == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_view_sequence(view, &sequence, &error);
    return status == STRATUM_OK ? number(env, sequence) : raise(env, status, error);
}

napi_value view_document_count(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *view = args.pointer<stratum_view>(0, Kind::View);
    std::uint64_t count = 0;
    stratum_error *error = nullptr;
    if (view == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_view_document_count(view, &count, &error);
    return status == STRATUM_OK ? number(env, count) : raise(env, status, error);
}

napi_value view_free(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *view = args.pointer<stratum_view>(0, Kind::View);
    if (view == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_view_free(&view);
    return status == STRATUM_OK || status == STRATUM_CLOSED ? undefined(env) : raise(env, status, "it cannot be freed");
}

napi_value view_exists(napi_env env, napi_callback_info info) {
    return read<std::int32_t>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, std::int32_t *exists, stratum_error **error) {
            return stratum_view_exists(view, document, exists, error);
        },
        [&](std::int32_t exists) { return boolean(env, exists != 0); });
}

napi_value view_input_count(napi_env env, napi_callback_info info) {
    return read<std::uint64_t>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, std::uint64_t *count, stratum_error **error) {
            return stratum_view_input_count(view, document, count, error);
        },
        [&](std::uint64_t count) { return number(env, count); });
}

using PinnedRead = std::int32_t (*)(const stratum_view *, std::uint64_t, stratum_pinned **, stratum_error **);

template <PinnedRead Read>
napi_value read_copied(napi_env env, napi_callback_info info) {
    return read<Pinned>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, Pinned *pinned, stratum_error **error) {
            return Read(view, document, &pinned->pointer, error);
        },
        [&](const Pinned &pinned) {
            return copied(env, stratum_pinned_data(pinned.pointer), stratum_pinned_length(pinned.pointer));
        });
}

// viewBlobText(view, document): where the bytes are no UTF-8, with U+FFFD in their place.
napi_value view_blob_text(napi_env env, napi_callback_info info) {
    return read<Pinned>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, Pinned *pinned, stratum_error **error) {
            return stratum_view_blob(view, document, &pinned->pointer, error);
        },
        [&](const Pinned &pinned) {
            const auto *text = static_cast<const char *>(stratum_pinned_data(pinned.pointer));
            return string(env, text, stratum_pinned_length(pinned.pointer));
        });
}

template <PinnedRead Read>
napi_value read_pinned(napi_env env, napi_callback_info info) {
    return read<stratum_pinned *>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, stratum_pinned **pinned, stratum_error **error) {
            return Read(view, document, pinned, error);
        },
        [&](stratum_pinned *pinned) { return wrap(env, Kind::Pinned, pinned); });
}

napi_value view_read_blob(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *view = args.pointer<stratum_view>(0, Kind::View);
    std::uint64_t document = 0;
    std::uint8_t *buffer = nullptr;
    std::size_t capacity = 0, length = 0;
    stratum_error *error = nullptr;
    if (view == nullptr || !args.u64(1, &document) || !args.bytes(2, &buffer, &capacity)) {
        return nullptr;
    }
    const std::int32_t status = stratum_view_read_blob(view, document, buffer, capacity, &length, &error);
    if (status == STRATUM_BUFFER_TOO_SMALL) {
        return raise(env, status, error, static_cast<double>(length));
    }
    napi_value value;
    if (status != STRATUM_OK) {
        return failed(env, status, error);
    }
    return napi_create_double(env, static_cast<double>(length), &value) == napi_ok ? value : raise(env);
}

napi_value view_columns(napi_env env, napi_callback_info info) {
    return read<Result>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, Result *result, stratum_error **error) {
            return stratum_view_columns(view, document, &result->pointer, error);
        },
        [&](const Result &result) {
            std::size_t count = 0;
            const stratum_column *columns = stratum_result_columns(result.pointer, &count);
            return to_js(env, columns, count);
        });
}

napi_value view_column(napi_env env, napi_callback_info info) {
    return read<Result>(
        env, info,
        [](const Args &args, const stratum_view *view, std::uint64_t document, Result *result, stratum_error **error) {
            std::string name;
            return args.text(2, &name)
                       ? stratum_view_column(view, document, name.data(), name.size(), &result->pointer, error)
                       : kThrown;
        },
        [&](const Result &result) { return to_js(env, *stratum_result_value(result.pointer)); });
}

napi_value view_input_ids(napi_env env, napi_callback_info info) {
    return read<Result>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, Result *result, stratum_error **error) {
            return stratum_view_input_ids(view, document, &result->pointer, error);
        },
        [&](const Result &result) {
            std::size_t count = 0;
            const std::uint64_t *ids = stratum_result_ids(result.pointer, &count);
            return copied_ids(env, ids, count);
        });
}

napi_value view_inputs(napi_env env, napi_callback_info info) {
    return read<Result>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, Result *result, stratum_error **error) {
            return stratum_view_inputs(view, document, &result->pointer, error);
        },
        [&](const Result &result) -> napi_value {
            std::size_t count = 0;
            const stratum_input *inputs = stratum_result_inputs(result.pointer, &count);
            napi_value list;
            if (napi_create_array_with_length(env, count, &list) != napi_ok) {
                return raise(env);
            }
            for (std::size_t at = 0; at < count; ++at) {
                napi_value input = to_js(env, inputs[at]);
                if (input == nullptr || napi_set_element(env, list, static_cast<std::uint32_t>(at), input) != napi_ok) {
                    return raise(env);
                }
            }
            return list;
        });
}

using InputRead = std::int32_t (*)(const stratum_view *, std::uint64_t, std::uint64_t, stratum_result **, stratum_error **);

template <InputRead Read>
std::int32_t read_input(const Args &args, const stratum_view *view, std::uint64_t document, Result *result,
                        stratum_error **error) {
    std::uint64_t input = 0;
    return args.u64(2, &input) ? Read(view, document, input, &result->pointer, error) : kThrown;
}

template <InputRead Read>
napi_value input_value(napi_env env, napi_callback_info info) {
    return read<Result>(env, info, read_input<Read>,
                        [&](const Result &result) { return to_js(env, *stratum_result_value(result.pointer)); });
}

napi_value view_input_columns(napi_env env, napi_callback_info info) {
    return read<Result>(env, info, read_input<stratum_view_input_columns>, [&](const Result &result) {
        std::size_t count = 0;
        const stratum_column *columns = stratum_result_columns(result.pointer, &count);
        return to_js(env, columns, count);
    });
}

napi_value view_packed_trees(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *view = args.pointer<stratum_view>(0, Kind::View);
    std::uint64_t *ids = nullptr;
    std::size_t count = 0;
    stratum_error *error = nullptr;
    if (view == nullptr || !args.ids(1, &ids, &count)) {
        return nullptr;
    }
    Pinned pinned;
    const std::int32_t status =
        stratum_view_packed_trees(view, ids, count, &pinned.pointer, &error);
    return status == STRATUM_OK
               ? copied(env, stratum_pinned_data(pinned.pointer), stratum_pinned_length(pinned.pointer))
               : raise(env, status, error);
}

napi_value view_documents(napi_env env, napi_callback_info info) {
    return read<stratum_document_cursor *>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t from, stratum_document_cursor **cursor,
           stratum_error **error) { return stratum_view_documents(view, from, cursor, error); },
        [&](stratum_document_cursor *cursor) { return wrap(env, Kind::Documents, cursor); });
}

napi_value view_input_cursor(napi_env env, napi_callback_info info) {
    return read<stratum_input_cursor *>(
        env, info,
        [](const Args &, const stratum_view *view, std::uint64_t document, stratum_input_cursor **cursor,
           stratum_error **error) { return stratum_view_input_cursor(view, document, cursor, error); },
        [&](stratum_input_cursor *cursor) { return wrap(env, Kind::Inputs, cursor); });
}

napi_value documents_next(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *cursor = args.pointer<stratum_document_cursor>(0, Kind::Documents);
    std::uint64_t document = 0;
    stratum_error *error = nullptr;
    if (cursor == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_document_cursor_next(cursor, &document, &error);
    return status == STRATUM_OK ? number(env, document) : failed(env, status, error);
}

napi_value documents_fill(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *cursor = args.pointer<stratum_document_cursor>(0, Kind::Documents);
    std::uint64_t *ids = nullptr;
    std::size_t capacity = 0, count = 0;
    stratum_error *error = nullptr;
    if (cursor == nullptr || !args.ids(1, &ids, &capacity)) {
        return nullptr;
    }
    const std::int32_t status =
        stratum_document_cursor_fill(cursor, ids, capacity, &count, &error);
    if (status != STRATUM_OK && status != STRATUM_END) {
        return raise(env, status, error);
    }
    napi_value value;
    return napi_create_double(env, static_cast<double>(count), &value) == napi_ok ? value : raise(env);
}

napi_value documents_seek(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *cursor = args.pointer<stratum_document_cursor>(0, Kind::Documents);
    std::uint64_t from = 0;
    stratum_error *error = nullptr;
    if (cursor == nullptr || !args.u64(1, &from)) {
        return nullptr;
    }
    const std::int32_t status = stratum_document_cursor_seek(cursor, from, &error);
    return status == STRATUM_OK ? undefined(env) : raise(env, status, error);
}

template <class T, Kind Which, std::int32_t (*Free)(T **)>
napi_value free_handle(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    T *pointer = args.pointer<T>(0, Which);
    if (pointer == nullptr) {
        return nullptr;
    }
    const std::int32_t status = Free(&pointer);
    return status == STRATUM_OK || status == STRATUM_CLOSED ? undefined(env) : raise(env, status, "it cannot be freed");
}

napi_value inputs_next(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *cursor = args.pointer<stratum_input_cursor>(0, Kind::Inputs);
    const stratum_input *input = nullptr;
    stratum_error *error = nullptr;
    if (cursor == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_input_cursor_next(cursor, &input, &error);
    return status == STRATUM_OK ? to_js(env, *input) : failed(env, status, error);
}

napi_value inputs_fill(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *cursor = args.pointer<stratum_input_cursor>(0, Kind::Inputs);
    std::uint8_t *buffer = nullptr;
    std::size_t capacity = 0, length = 0;
    stratum_error *error = nullptr;
    if (cursor == nullptr || !args.bytes(1, &buffer, &capacity)) {
        return nullptr;
    }
    const std::int32_t status = stratum_input_cursor_fill(cursor, buffer, capacity, &length, &error);
    if (status == STRATUM_BUFFER_TOO_SMALL) {
        return raise(env, status, error, static_cast<double>(length));
    }
    if (status != STRATUM_OK && status != STRATUM_END) {
        return raise(env, status, error);
    }
    napi_value value;
    return napi_create_double(env, status == STRATUM_END ? 0.0 : static_cast<double>(length), &value) == napi_ok
               ? value
               : raise(env);
}

// pinnedInfo(pinned): [length, whether the bytes are the store's own].
napi_value pinned_info(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *pinned = args.pointer<stratum_pinned>(0, Kind::Pinned);
    napi_value list, length;
    if (pinned == nullptr) {
        return nullptr;
    }
    if (stratum_pinned_data(pinned) == nullptr) {
        return raise(env, STRATUM_CLOSED, "the pinned bytes were freed");
    }
    if (napi_create_array_with_length(env, 2, &list) != napi_ok ||
        napi_create_double(env, static_cast<double>(stratum_pinned_length(pinned)), &length) != napi_ok ||
        napi_set_element(env, list, 0, length) != napi_ok ||
        napi_set_element(env, list, 1, boolean(env, stratum_pinned_is_borrowed(pinned) != 0)) != napi_ok) {
        return raise(env);
    }
    return list;
}

// pinnedCopy(pinned, from, target): copies as many bytes from `from` on as there are and `target` takes; their number.
napi_value pinned_copy(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *pinned = args.pointer<stratum_pinned>(0, Kind::Pinned);
    std::uint64_t from = 0;
    std::uint8_t *target = nullptr;
    std::size_t capacity = 0;
    if (pinned == nullptr || !args.u64(1, &from) || !args.bytes(2, &target, &capacity)) {
        return nullptr;
    }
    const void *data = stratum_pinned_data(pinned);
    if (data == nullptr) {
        return raise(env, STRATUM_CLOSED, "the pinned bytes were freed");
    }
    const std::size_t length = stratum_pinned_length(pinned);
    const std::size_t rest = from < length ? length - static_cast<std::size_t>(from) : 0;
    const std::size_t count = rest < capacity ? rest : capacity;
    if (count != 0) {
        std::memcpy(target, static_cast<const std::uint8_t *>(data) + from, count);
    }
    napi_value value;
    return napi_create_double(env, static_cast<double>(count), &value) == napi_ok ? value : raise(env);
}

}  // namespace

void add_reads(std::vector<Export> *exports) {
    const std::vector<Export> ours{
        {"viewSequence", view_sequence},
        {"viewDocumentCount", view_document_count},
        {"viewFree", view_free},
        {"viewExists", view_exists},
        {"viewInputCount", view_input_count},
        {"viewBlob", read_copied<stratum_view_blob>},
        {"viewBlobText", view_blob_text},
        {"viewPackedTree", read_copied<stratum_view_packed_tree>},
        {"viewPinBlob", read_pinned<stratum_view_blob>},
        {"viewPinPackedTree", read_pinned<stratum_view_packed_tree>},
        {"viewReadBlob", view_read_blob},
        {"viewColumns", view_columns},
        {"viewColumn", view_column},
        {"viewInputIds", view_input_ids},
        {"viewInputs", view_inputs},
        {"viewInput", input_value<stratum_view_input>},
        {"viewOutput", input_value<stratum_view_output>},
        {"viewInputColumns", view_input_columns},
        {"viewPackedTrees", view_packed_trees},
        {"viewDocuments", view_documents},
        {"viewInputCursor", view_input_cursor},
        {"documentsNext", documents_next},
        {"documentsFill", documents_fill},
        {"documentsSeek", documents_seek},
        {"documentsFree", free_handle<stratum_document_cursor, Kind::Documents, stratum_document_cursor_free>},
        {"inputsNext", inputs_next},
        {"inputsFill", inputs_fill},
        {"inputsFree", free_handle<stratum_input_cursor, Kind::Inputs, stratum_input_cursor_free>},
        {"pinnedInfo", pinned_info},
        {"pinnedCopy", pinned_copy},
        {"pinnedFree", free_handle<stratum_pinned, Kind::Pinned, stratum_pinned_free>},
    };
    exports->insert(exports->end(), ours.begin(), ours.end());
}

}  // namespace node_stratum
