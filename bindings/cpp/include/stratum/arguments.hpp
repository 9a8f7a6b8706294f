// Values, columns and trees on their way into the library: the structs of stratum.h, with what they point to.
//
// 1. A scalar, a text or bytes cost no allocation; a list, map or tree one for each level of each.
// 2. However deep a Value nests, this recurses a little deeper than the library accepts, and no further.

#ifndef STRATUM_ARGUMENTS_HPP
#define STRATUM_ARGUMENTS_HPP

#include <deque>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "borrowed.hpp"

namespace stratum {
namespace detail {

inline stratum_text text_in(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

/// Keeps the arrays that structs of the C API point to.
class Arena {
public:
    stratum_value value(const Value &value, int depth = 0) {
        switch (value.kind()) {
        case Kind::Bool: return stratum_value_bool(*value.get_if<bool>() ? 1 : 0);
        case Kind::Int64: return stratum_value_int64(*value.get_if<std::int64_t>());
        case Kind::Double: return stratum_value_double(*value.get_if<double>());
        case Kind::Decimal: {
            const std::string &text = value.get_if<Decimal>()->text;
            return stratum_value_decimal(text.data(), text.size());
        }
        case Kind::String: {
            const std::string &text = *value.get_if<std::string>();
            return stratum_value_string(text.data(), text.size());
        }
        case Kind::Bytes: {
            const auto &bytes = value.get_if<Bytes>()->data;
            return stratum_value_bytes(bytes.data(), bytes.size());
        }
        case Kind::Int64List: {
            const auto &items = *value.get_if<std::vector<std::int64_t>>();
            return stratum_value_int64_list(items.data(), items.size());
        }
        case Kind::DoubleList: {
            const auto &items = *value.get_if<std::vector<double>>();
            return stratum_value_double_list(items.data(), items.size());
        }
        case Kind::StringList: return strings(*value.get_if<std::vector<std::string>>());
        case Kind::StringMap: return string_map(*value.get_if<StringMap>());
        case Kind::List: return list(*value.get_if<List>(), depth);
        case Kind::Map: return map(*value.get_if<Map>(), depth);
        case Kind::Null: break;
        }
        return stratum_value_null();
    }

    const stratum_column *columns(const Columns &columns) {
        stratum_column *out = take<stratum_column>(columns.size());
        for (std::size_t at = 0; at < columns.size(); ++at) {
            out[at] = {text_in(columns[at].name), value(columns[at].value)};
        }
        return out;
    }

    stratum_tree_desc tree(const Tree &tree) {
        stratum_tree_desc out{};
        out.struct_size = sizeof out;
        out.blob = tree.blob.data();
        out.blob_length = tree.blob.size();
        out.columns = columns(tree.columns);
        out.column_count = tree.columns.size();
        stratum_input *inputs = take<stratum_input>(tree.inputs.size());
        for (std::size_t at = 0; at < tree.inputs.size(); ++at) {
            inputs[at] = input(tree.inputs[at]);
        }
        out.inputs = inputs;
        out.input_count = tree.inputs.size();
        return out;
    }

private:
    /// The library takes 64 levels; one more is enough to be refused.
    static constexpr int kDeepest = 65;

    template <class T>
    T *take(std::size_t count) {
        if (count == 0) {
            return nullptr;
        }
        auto block = std::shared_ptr<T>(new T[count](), std::default_delete<T[]>());
        kept_.push_back(block);
        return block.get();
    }

    stratum_input input(const Input &input) {
        stratum_input out{};
        out.value = value(input.value);
        out.columns = columns(input.columns);
        out.column_count = input.columns.size();
        if (input.output) {
            stratum_value *output = take<stratum_value>(1);
            *output = value(*input.output);
            out.output = output;
        }
        return out;
    }

    stratum_value strings(const std::vector<std::string> &items) {
        stratum_text *out = take<stratum_text>(items.size());
        for (std::size_t at = 0; at < items.size(); ++at) {
            out[at] = text_in(items[at]);
        }
        return stratum_value_string_list(out, items.size());
    }

    stratum_value string_map(const StringMap &map) {
        stratum_text *out = take<stratum_text>(2 * map.entries.size());
        for (std::size_t at = 0; at < map.entries.size(); ++at) {
            out[2 * at] = text_in(map.entries[at].first);
            out[2 * at + 1] = text_in(map.entries[at].second);
        }
        return stratum_value_string_map(out, map.entries.size());
    }

    stratum_value list(const List &list, int depth) {
        const std::size_t count = depth < kDeepest ? list.size() : 0;
        stratum_value *out = take<stratum_value>(count);
        for (std::size_t at = 0; at < count; ++at) {
            out[at] = value(list[at], depth + 1);
        }
        return stratum_value_list(out, count);
    }

    stratum_value map(const Map &map, int depth) {
        const std::size_t count = depth < kDeepest ? map.size() : 0;
        stratum_entry *out = take<stratum_entry>(count);
        for (std::size_t at = 0; at < count; ++at) {
            out[at] = {text_in(map[at].key), value(map[at].value, depth + 1)};
        }
        return stratum_value_map(out, count);
    }

    std::vector<std::shared_ptr<void>> kept_;
};

} // namespace detail

/// What takes a value takes any of: a Value, a ValueView, or what a Value is made from. It lives as long as the call.
class ValueArgument {
public:
    ValueArgument(const Value &value) : raw_(arena_.value(value)) {}
    ValueArgument(ValueView value) : raw_(*value.raw()) {}
    ValueArgument(std::string_view text) : raw_(stratum_value_string(text.data(), text.size())) {}
    ValueArgument(const std::string &text) : ValueArgument(std::string_view(text)) {}
    ValueArgument(const char *text) : ValueArgument(std::string_view(text)) {}
    ValueArgument(BytesView bytes) : raw_(stratum_value_bytes(bytes.data(), bytes.size())) {}
    ValueArgument(Span<std::int64_t> items) : raw_(stratum_value_int64_list(items.data(), items.size())) {}
    ValueArgument(Span<double> items) : raw_(stratum_value_double_list(items.data(), items.size())) {}
    /// Numbers and bool, as they make a Value; they allocate nothing.
    template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    ValueArgument(T number) : raw_(arena_.value(Value(number))) {}
    /// What else makes a Value: it is kept here.
    template <class T, std::enable_if_t<std::is_constructible_v<Value, T> && !std::is_arithmetic_v<std::decay_t<T>> &&
                                            std::is_class_v<std::decay_t<T>> &&
                                            !std::is_convertible_v<T, std::string_view> &&
                                            !std::is_same_v<std::decay_t<T>, Value>, int> = 0>
    ValueArgument(T &&content) : made_(std::forward<T>(content)), raw_(arena_.value(made_)) {}
    ValueArgument(std::nullptr_t) : raw_(stratum_value_null()) {}
    ValueArgument(const ValueArgument &) = delete;
    ValueArgument &operator=(const ValueArgument &) = delete;

    const stratum_value *raw() const noexcept { return &raw_; }

private:
    Value made_;
    detail::Arena arena_;
    stratum_value raw_;
};

/// What takes columns takes Columns, a list in braces, or a ColumnsView.
class ColumnsArgument {
public:
    ColumnsArgument() = default;
    ColumnsArgument(const Columns &columns) : raw_(arena_.columns(columns)), size_(columns.size()) {}
    ColumnsArgument(std::initializer_list<Column> columns) : made_(columns), raw_(arena_.columns(made_)), size_(made_.size()) {}
    ColumnsArgument(ColumnsView columns) : raw_(columns.raw()), size_(columns.size()) {}
    ColumnsArgument(const ColumnsArgument &) = delete;
    ColumnsArgument &operator=(const ColumnsArgument &) = delete;

    const stratum_column *raw() const noexcept { return raw_; }
    std::size_t size() const noexcept { return size_; }

private:
    Columns made_;
    detail::Arena arena_;
    const stratum_column *raw_ = nullptr;
    std::size_t size_ = 0;
};

/// What takes a tree takes a Tree or a TreeView.
class TreeArgument {
public:
    TreeArgument(const Tree &tree) : raw_(arena_.tree(tree)) {}
    TreeArgument(TreeView tree) : raw_(*tree.raw()) {}
    TreeArgument(const TreeArgument &) = delete;
    TreeArgument &operator=(const TreeArgument &) = delete;

    const stratum_tree_desc *raw() const noexcept { return &raw_; }

private:
    detail::Arena arena_;
    stratum_tree_desc raw_;
};

} // namespace stratum

#endif
