// Views: every read goes through one.
//
// 1. View is a borrowed one: copy it freely; after its store was closed, or the snapshot behind it freed, it answers
//    Closed. Snapshot owns one moment.
// 2. What is not there is Status::NotFound, which allocates nothing.

#ifndef STRATUM_VIEW_HPP
#define STRATUM_VIEW_HPP

#include <string_view>

#include "cursor.hpp"

namespace stratum {

/// Reads of one moment, or each of the newest. Thread safety: any thread.
class View {
public:
    View() noexcept = default;
    explicit View(const stratum_view *raw) noexcept : raw_(raw) {}

    /// Sequence number of the newest commit in this view; 0 before the first.
    Result<std::uint64_t> sequence() const { return get<std::uint64_t>(stratum_view_sequence); }
    Result<std::uint64_t> document_count() const { return get<std::uint64_t>(stratum_view_document_count); }
    Result<bool> exists(DocumentId document) const {
        Result<std::int32_t> exists = get<std::int32_t>(stratum_view_exists, document);
        if (!exists) {
            return *exists.error();
        }
        return *exists != 0;
    }
    Result<std::uint64_t> input_count(DocumentId document) const {
        return get<std::uint64_t>(stratum_view_input_count, document);
    }
    /// The blob, the store's own bytes where they can be lent; valid as long as what comes back.
    Result<Pinned> blob(DocumentId document) const { return pinned(stratum_view_blob, document); }
    /// Copies the blob into `buffer`; its length. BufferTooSmall where it does not fit; `*needed` (may be NULL) gets
    /// its length also then.
    Result<std::size_t> read_blob(DocumentId document, void *buffer, std::size_t capacity,
                                  std::size_t *needed = nullptr) const {
        if (raw_ == nullptr) {
            return detail::empty_handle();
        }
        detail::Caught caught;
        std::size_t length = 0;
        const std::int32_t status = stratum_view_read_blob(raw_, document, buffer, capacity, &length, caught.out());
        if (needed != nullptr) {
            *needed = length;
        }
        if (status != STRATUM_OK) {
            return caught.take(status);
        }
        return length;
    }
    Result<OwnedColumns> columns(DocumentId document) const {
        return result<OwnedColumns>(columns_of, stratum_view_columns, document);
    }
    /// One column; NotFound also where the document has none of that name.
    Result<OwnedValue> column(DocumentId document, std::string_view name) const {
        return result<OwnedValue>(value_of, stratum_view_column, document, name.data(), name.size());
    }
    Result<OwnedIds> input_ids(DocumentId document) const {
        return result<OwnedIds>(ids_of, stratum_view_input_ids, document);
    }
    /// All inputs in their order, with their columns and outputs.
    Result<OwnedInputs> inputs(DocumentId document) const {
        return result<OwnedInputs>(inputs_of, stratum_view_inputs, document);
    }
    Result<OwnedValue> input(DocumentId document, InputId input) const {
        return result<OwnedValue>(value_of, stratum_view_input, document, input);
    }
    Result<OwnedColumns> input_columns(DocumentId document, InputId input) const {
        return result<OwnedColumns>(columns_of, stratum_view_input_columns, document, input);
    }
    /// The output of an input; NotFound also where it has none.
    Result<OwnedValue> output(DocumentId document, InputId input) const {
        return result<OwnedValue>(value_of, stratum_view_output, document, input);
    }
    /// The whole document, of one moment.
    Result<OwnedTree> tree(DocumentId document) const {
        Result<stratum_tree *> tree = get<stratum_tree *>(stratum_view_tree, document);
        if (!tree) {
            return *tree.error();
        }
        return OwnedTree(*tree, TreeView(stratum_tree_get(*tree)));
    }
    /// The whole document in its packed form ("Packed tree" in docs/format.md), 8-aligned.
    Result<Pinned> packed_tree(DocumentId document) const { return pinned(stratum_view_packed_tree, document); }
    /// Many packed trees of one moment in one buffer; stratum_view_packed_trees tells its layout.
    Result<Pinned> packed_trees(const DocumentId *documents, std::size_t count) const {
        return pinned(stratum_view_packed_trees, documents, count);
    }
    /// Live ids from `from` on, ascending.
    Result<DocumentCursor> documents(DocumentId from = 0) const {
        return owner<DocumentCursor, stratum_document_cursor *>(stratum_view_documents, from);
    }
    Result<InputCursor> input_cursor(DocumentId document) const {
        return owner<InputCursor, stratum_input_cursor *>(stratum_view_input_cursor, document);
    }

    const stratum_view *raw() const noexcept { return raw_; }

protected:
    const stratum_view *raw_ = nullptr;

private:
    template <class T, class Call, class... Arguments>
    Result<T> get(Call call, Arguments... arguments) const {
        if (raw_ == nullptr) {
            return detail::empty_handle();
        }
        return detail::made<T>([&](T *out, stratum_error **error) { return call(raw_, arguments..., out, error); });
    }
    template <class Owner, class Raw, class Call, class... Arguments>
    Result<Owner> owner(Call call, Arguments... arguments) const {
        Result<Raw> raw = get<Raw>(call, arguments...);
        if (!raw) {
            return *raw.error();
        }
        return Owner(*raw);
    }
    template <class Call, class... Arguments>
    Result<Pinned> pinned(Call call, Arguments... arguments) const {
        return owner<Pinned, stratum_pinned *>(call, arguments...);
    }
    template <class Owner, class Inside, class Call, class... Arguments>
    Result<Owner> result(Inside inside, Call call, Arguments... arguments) const {
        Result<stratum_result *> raw = get<stratum_result *>(call, arguments...);
        if (!raw) {
            return *raw.error();
        }
        return Owner(*raw, inside(*raw));
    }

    static ValueView value_of(const stratum_result *result) { return ValueView(stratum_result_value(result)); }
    static ColumnsView columns_of(const stratum_result *result) {
        std::size_t count = 0;
        const stratum_column *columns = stratum_result_columns(result, &count);
        return {columns, count};
    }
    static InputsView inputs_of(const stratum_result *result) {
        std::size_t count = 0;
        const stratum_input *inputs = stratum_result_inputs(result, &count);
        return {inputs, count};
    }
    static Span<std::uint64_t> ids_of(const stratum_result *result) {
        std::size_t count = 0;
        const std::uint64_t *ids = stratum_result_ids(result, &count);
        return {ids, count};
    }
};

/// One moment of the whole store, unchanged by later writes; keeps what it shows on disk while it lives.
class Snapshot : public View {
public:
    Snapshot() noexcept = default;
    explicit Snapshot(stratum_view *raw) noexcept : View(raw), handle_(raw) {}
    Snapshot(Snapshot &&other) noexcept : View(std::exchange(other.raw_, nullptr)), handle_(std::move(other.handle_)) {}
    Snapshot &operator=(Snapshot &&other) noexcept {
        handle_ = std::move(other.handle_);
        raw_ = handle_.raw();
        other.raw_ = other.handle_.raw();
        return *this;
    }
    ~Snapshot() = default;

    void free() noexcept {
        handle_.free();
        raw_ = nullptr;
    }
    explicit operator bool() const noexcept { return raw_ != nullptr; }

private:
    detail::Handle<stratum_view, stratum_view_free> handle_;
};

} // namespace stratum

#endif
