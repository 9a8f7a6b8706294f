// Views of what a store gave: nothing is copied, everything is valid until the object that it was taken from is gone.
//
// 1. A ValueView, InputView or TreeView is a pointer: copy it freely, keep its owner alive.
// 2. What is asked of the wrong kind is empty (nullopt, an empty text or range): ask kind() where that matters.

#ifndef STRATUM_BORROWED_HPP
#define STRATUM_BORROWED_HPP

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "value.hpp"

namespace stratum {
namespace detail {

inline std::string_view text_of(const stratum_text &text) noexcept {
    return text.length == 0 ? std::string_view() : std::string_view(text.data, text.length);
}

/// Walks over items of the C API, each seen as a View.
template <class View, class Item>
class Range {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = View;

        explicit iterator(const Item *at = nullptr) noexcept : at_(at) {}
        View operator*() const noexcept { return View(at_); }
        iterator &operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept { return iterator(at_++); }
        friend bool operator==(iterator a, iterator b) noexcept { return a.at_ == b.at_; }
        friend bool operator!=(iterator a, iterator b) noexcept { return a.at_ != b.at_; }

    private:
        const Item *at_;
    };

    Range() noexcept = default;
    Range(const Item *data, std::size_t size) noexcept : data_(data), size_(size) {}

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// at must be below size().
    View operator[](std::size_t at) const noexcept { return View(data_ + at); }
    iterator begin() const noexcept { return iterator(data_); }
    iterator end() const noexcept { return iterator(data_ + size_); }
    const Item *raw() const noexcept { return data_; }

private:
    const Item *data_ = nullptr;
    std::size_t size_ = 0;
};

/// What is shown where there is nothing to show.
inline constexpr stratum_value kNoValue{STRATUM_KIND_NULL, 0, 0, {}};
inline constexpr stratum_tree_desc kNoTree{sizeof(stratum_tree_desc), nullptr, 0, nullptr, 0, nullptr, 0};

} // namespace detail

class EntryView;

/// A text of the library's.
class TextView {
public:
    explicit TextView(const stratum_text *raw) noexcept : raw_(raw) {}
    operator std::string_view() const noexcept { return detail::text_of(*raw_); }

private:
    const stratum_text *raw_;
};

/// A typed value of the library's.
class ValueView {
public:
    /// A Null.
    ValueView() noexcept : raw_(&detail::kNoValue) {}
    explicit ValueView(const stratum_value *raw) noexcept : raw_(raw) {}

    const stratum_value *raw() const noexcept { return raw_; }
    Kind kind() const noexcept { return static_cast<Kind>(raw_->kind); }
    bool is_null() const noexcept { return kind() == Kind::Null; }
    std::optional<bool> boolean() const noexcept {
        return kind() == Kind::Bool ? std::optional<bool>(raw_->as.boolean != 0) : std::nullopt;
    }
    std::optional<std::int64_t> int64() const noexcept {
        return kind() == Kind::Int64 ? std::optional<std::int64_t>(raw_->as.int64) : std::nullopt;
    }
    std::optional<double> float64() const noexcept {
        return kind() == Kind::Double ? std::optional<double>(raw_->as.float64) : std::nullopt;
    }
    /// Of a String or a Decimal.
    std::string_view text() const noexcept {
        const bool is_text = kind() == Kind::String || kind() == Kind::Decimal;
        return is_text && raw_->count > 0 ? std::string_view(raw_->as.text, raw_->count) : std::string_view();
    }
    BytesView bytes() const noexcept {
        return kind() == Kind::Bytes ? BytesView(raw_->as.bytes, raw_->count) : BytesView();
    }
    Span<std::int64_t> int64s() const noexcept {
        return kind() == Kind::Int64List ? Span<std::int64_t>(raw_->as.int64s, raw_->count) : Span<std::int64_t>();
    }
    Span<double> doubles() const noexcept {
        return kind() == Kind::DoubleList ? Span<double>(raw_->as.doubles, raw_->count) : Span<double>();
    }
    /// Of a StringList: its texts; of a StringMap: keys and values in turn.
    detail::Range<TextView, stratum_text> strings() const noexcept {
        if (kind() == Kind::StringList || kind() == Kind::StringMap) {
            return {raw_->as.strings, kind() == Kind::StringMap ? 2 * raw_->count : raw_->count};
        }
        return {};
    }
    detail::Range<ValueView, stratum_value> values() const noexcept {
        return kind() == Kind::List ? detail::Range<ValueView, stratum_value>(raw_->as.values, raw_->count)
                                    : detail::Range<ValueView, stratum_value>();
    }
    inline detail::Range<EntryView, stratum_entry> entries() const noexcept;
    /// Elements, entries or bytes, as the kind says.
    std::size_t size() const noexcept { return raw_->count; }

    /// A copy that owns what it holds.
    inline Value to_value() const;

private:
    const stratum_value *raw_;
};

/// One entry of a Map.
class EntryView {
public:
    explicit EntryView(const stratum_entry *raw) noexcept : raw_(raw) {}
    std::string_view key() const noexcept { return detail::text_of(raw_->key); }
    ValueView value() const noexcept { return ValueView(&raw_->value); }

private:
    const stratum_entry *raw_;
};

inline detail::Range<EntryView, stratum_entry> ValueView::entries() const noexcept {
    return kind() == Kind::Map ? detail::Range<EntryView, stratum_entry>(raw_->as.entries, raw_->count)
                               : detail::Range<EntryView, stratum_entry>();
}

inline Value ValueView::to_value() const {
    switch (kind()) {
    case Kind::Bool: return *boolean();
    case Kind::Int64: return *int64();
    case Kind::Double: return *float64();
    case Kind::Decimal: return Decimal{std::string(text())};
    case Kind::String: return std::string(text());
    case Kind::Bytes: return Bytes{std::vector<std::uint8_t>(bytes().begin(), bytes().end())};
    case Kind::Int64List: return std::vector<std::int64_t>(int64s().begin(), int64s().end());
    case Kind::DoubleList: return std::vector<double>(doubles().begin(), doubles().end());
    case Kind::StringList: {
        std::vector<std::string> texts;
        for (std::string_view text : strings()) {
            texts.emplace_back(text);
        }
        return texts;
    }
    case Kind::StringMap: {
        StringMap map;
        const auto texts = strings();
        for (std::size_t at = 0; at + 1 < texts.size(); at += 2) {
            map.entries.emplace_back(std::string_view(texts[at]), std::string_view(texts[at + 1]));
        }
        return map;
    }
    case Kind::List: {
        List list;
        for (ValueView value : values()) {
            list.push_back(value.to_value());
        }
        return list;
    }
    case Kind::Map: {
        Map map;
        for (EntryView entry : entries()) {
            map.push_back(Entry{std::string(entry.key()), entry.value().to_value()});
        }
        return map;
    }
    case Kind::Null: break;
    }
    return {};
}

/// A named value.
class ColumnView {
public:
    explicit ColumnView(const stratum_column *raw) noexcept : raw_(raw) {}
    std::string_view name() const noexcept { return detail::text_of(raw_->name); }
    ValueView value() const noexcept { return ValueView(&raw_->value); }

private:
    const stratum_column *raw_;
};

/// Columns, sorted by the bytes of their names.
class ColumnsView : public detail::Range<ColumnView, stratum_column> {
public:
    using Range::Range;

    /// The column of that name.
    std::optional<ValueView> find(std::string_view name) const noexcept {
        const stratum_value *found = stratum_columns_find(raw(), size(), name.data(), name.size());
        return found != nullptr ? std::optional<ValueView>(ValueView(found)) : std::nullopt;
    }
    Columns to_columns() const {
        Columns columns;
        for (ColumnView column : *this) {
            columns.push_back(Column{std::string(column.name()), column.value().to_value()});
        }
        return columns;
    }
};

/// One input with what hangs on it.
class InputView {
public:
    explicit InputView(const stratum_input *raw) noexcept : raw_(raw) {}

    InputId id() const noexcept { return raw_->id; }
    ValueView value() const noexcept { return ValueView(&raw_->value); }
    ColumnsView columns() const noexcept { return {raw_->columns, raw_->column_count}; }
    std::optional<ValueView> output() const noexcept {
        return raw_->output != nullptr ? std::optional<ValueView>(ValueView(raw_->output)) : std::nullopt;
    }
    Input to_input() const {
        Input input{value().to_value(), columns().to_columns(), std::nullopt, id()};
        if (raw_->output != nullptr) {
            input.output = ValueView(raw_->output).to_value();
        }
        return input;
    }

private:
    const stratum_input *raw_;
};

/// Inputs in their order.
using InputsView = detail::Range<InputView, stratum_input>;

/// A whole document.
class TreeView {
public:
    /// An empty one.
    TreeView() noexcept : raw_(&detail::kNoTree) {}
    explicit TreeView(const stratum_tree_desc *raw) noexcept : raw_(raw) {}

    const stratum_tree_desc *raw() const noexcept { return raw_; }
    BytesView blob() const noexcept { return {raw_->blob, raw_->blob_length}; }
    ColumnsView columns() const noexcept { return {raw_->columns, raw_->column_count}; }
    InputsView inputs() const noexcept { return {raw_->inputs, raw_->input_count}; }
    Tree to_tree() const {
        Tree tree{std::string(blob().text()), columns().to_columns(), {}};
        for (InputView input : inputs()) {
            tree.inputs.push_back(input.to_input());
        }
        return tree;
    }

private:
    const stratum_tree_desc *raw_;
};

} // namespace stratum

#endif
