// Writes: the same calls on a batch and, each with its commit, on a store.
//
// 1. A refused call changes nothing.

#ifndef STRATUM_WRITES_HPP
#define STRATUM_WRITES_HPP

#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "error.hpp"

namespace stratum {

/// The ids that a tree got: its inputs are first_input, first_input + 1, ... in their order.
struct TreeIds {
    DocumentId document;
    /// 0 where the tree has none.
    InputId first_input;
    std::uint64_t input_count;
};

namespace detail {

/// Writes on a batch.
struct BatchCalls {
    static constexpr auto create_document = stratum_batch_create_document;
    static constexpr auto put_tree = stratum_batch_put_tree;
    static constexpr auto replace_tree = stratum_batch_replace_tree;
    static constexpr auto put_packed = stratum_batch_put_packed;
    static constexpr auto replace_packed = stratum_batch_replace_packed;
    static constexpr auto set_blob = stratum_batch_set_blob;
    static constexpr auto set_column = stratum_batch_set_column;
    static constexpr auto remove_column = stratum_batch_remove_column;
    static constexpr auto delete_document = stratum_batch_delete_document;
    static constexpr auto append_input = stratum_batch_append_input;
    static constexpr auto insert_input = stratum_batch_insert_input;
    static constexpr auto move_input = stratum_batch_move_input;
    static constexpr auto replace_input = stratum_batch_replace_input;
    static constexpr auto set_input_column = stratum_batch_set_input_column;
    static constexpr auto remove_input_column = stratum_batch_remove_input_column;
    static constexpr auto delete_input = stratum_batch_delete_input;
    static constexpr auto set_output = stratum_batch_set_output;
    static constexpr auto update_output = stratum_batch_update_output;
    static constexpr auto delete_output = stratum_batch_delete_output;
    static constexpr auto apply_packed = stratum_batch_apply_packed;
};

/// Writes as single calls, each a commit.
struct DbCalls {
    static constexpr auto create_document = stratum_db_create_document;
    static constexpr auto put_tree = stratum_db_put_tree;
    static constexpr auto replace_tree = stratum_db_replace_tree;
    static constexpr auto put_packed = stratum_db_put_packed;
    static constexpr auto replace_packed = stratum_db_replace_packed;
    static constexpr auto set_blob = stratum_db_set_blob;
    static constexpr auto set_column = stratum_db_set_column;
    static constexpr auto remove_column = stratum_db_remove_column;
    static constexpr auto delete_document = stratum_db_delete_document;
    static constexpr auto append_input = stratum_db_append_input;
    static constexpr auto insert_input = stratum_db_insert_input;
    static constexpr auto move_input = stratum_db_move_input;
    static constexpr auto replace_input = stratum_db_replace_input;
    static constexpr auto set_input_column = stratum_db_set_input_column;
    static constexpr auto remove_input_column = stratum_db_remove_input_column;
    static constexpr auto delete_input = stratum_db_delete_input;
    static constexpr auto set_output = stratum_db_set_output;
    static constexpr auto update_output = stratum_db_update_output;
    static constexpr auto delete_output = stratum_db_delete_output;
    static constexpr auto apply_packed = stratum_db_apply_packed;
};

/// The writes, for a class Self that has writer(): the handle, NULL for an empty one.
template <class Self, class Calls>
class Writes {
public:
    /// Creates a document with a blob and columns; its id.
    Result<DocumentId> create_document(BytesView blob = {}, const ColumnsArgument &columns = {}) {
        return make<DocumentId>(Calls::create_document, blob.data(), blob.size(), columns.raw(), columns.size());
    }
    /// Creates a document with its columns, inputs and outputs.
    Result<TreeIds> put_tree(const TreeArgument &tree) { return ids(Calls::put_tree, tree.raw()); }
    /// Replaces all of a document; it keeps its id, its inputs get new ones.
    Result<TreeIds> replace_tree(DocumentId document, const TreeArgument &tree) {
        return ids(Calls::replace_tree, document, tree.raw());
    }
    /// Creates a document from a packed tree (View::packed_tree gives one).
    Result<TreeIds> put_packed(BytesView packed) { return ids(Calls::put_packed, packed.data(), packed.size()); }
    /// Replaces a document by a packed tree.
    Result<TreeIds> replace_packed(DocumentId document, BytesView packed) {
        return ids(Calls::replace_packed, document, packed.data(), packed.size());
    }
    Result<void> set_blob(DocumentId document, BytesView blob) {
        return run(Calls::set_blob, document, blob.data(), blob.size());
    }
    /// Creates or replaces a column.
    Result<void> set_column(DocumentId document, std::string_view name, const ValueArgument &value) {
        return run(Calls::set_column, document, name.data(), name.size(), value.raw());
    }
    Result<void> remove_column(DocumentId document, std::string_view name) {
        return run(Calls::remove_column, document, name.data(), name.size());
    }
    Result<void> delete_document(DocumentId document) { return run(Calls::delete_document, document); }
    /// Appends an input; its id.
    Result<InputId> append_input(DocumentId document, const ValueArgument &value) {
        return make<InputId>(Calls::append_input, document, value.raw());
    }
    /// Inserts an input before another; its id.
    Result<InputId> insert_input(DocumentId document, InputId before, const ValueArgument &value) {
        return make<InputId>(Calls::insert_input, document, before, value.raw());
    }
    /// Moves an input before another, or to the end where `before` is 0.
    Result<void> move_input(DocumentId document, InputId input, InputId before) {
        return run(Calls::move_input, document, input, before);
    }
    /// Replaces the value of an input; its place, columns and output stay.
    Result<void> replace_input(DocumentId document, InputId input, const ValueArgument &value) {
        return run(Calls::replace_input, document, input, value.raw());
    }
    Result<void> set_input_column(DocumentId document, InputId input, std::string_view name,
                                  const ValueArgument &value) {
        return run(Calls::set_input_column, document, input, name.data(), name.size(), value.raw());
    }
    Result<void> remove_input_column(DocumentId document, InputId input, std::string_view name) {
        return run(Calls::remove_input_column, document, input, name.data(), name.size());
    }
    /// Deletes an input with its columns and its output.
    Result<void> delete_input(DocumentId document, InputId input) { return run(Calls::delete_input, document, input); }
    /// Creates or replaces the output of an input.
    Result<void> set_output(DocumentId document, InputId input, const ValueArgument &value) {
        return run(Calls::set_output, document, input, value.raw());
    }
    /// Replaces the output of an input, which must be there.
    Result<void> update_output(DocumentId document, InputId input, const ValueArgument &value) {
        return run(Calls::update_output, document, input, value.raw());
    }
    Result<void> delete_output(DocumentId document, InputId input) { return run(Calls::delete_output, document, input); }
    /// Many writes in one buffer; stratum_batch_apply_packed tells its layout. What each row makes goes to `ids` (NULL,
    /// or room for as many as there are rows). How many rows were applied goes to `*applied` (may be NULL), also on
    /// failure.
    Result<void> apply_packed(BytesView operations, std::uint64_t *ids = nullptr, std::size_t capacity = 0,
                              std::size_t *applied = nullptr) {
        return run(Calls::apply_packed, operations.data(), operations.size(), ids, capacity, applied);
    }

private:
    auto *writer() { return static_cast<Self *>(this)->writer(); }

    template <class Call, class... Arguments>
    Result<void> run(Call call, Arguments... arguments) {
        if (writer() == nullptr) {
            return empty_handle();
        }
        return done([&](stratum_error **error) { return call(writer(), arguments..., error); });
    }
    template <class T, class Call, class... Arguments>
    Result<T> make(Call call, Arguments... arguments) {
        if (writer() == nullptr) {
            return empty_handle();
        }
        return made<T>([&](T *out, stratum_error **error) { return call(writer(), arguments..., out, error); });
    }
    template <class Call, class... Arguments>
    Result<TreeIds> ids(Call call, Arguments... arguments) {
        Result<stratum_tree_ids> ids = make<stratum_tree_ids>(call, arguments...);
        if (!ids) {
            return *ids.error();
        }
        return TreeIds{ids->document, ids->first_input, ids->input_count};
    }
};

} // namespace detail
} // namespace stratum

#endif
