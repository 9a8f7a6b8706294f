// Packed trees read in place: no call into the library, no copy ("Packed tree" and "Value" in docs/format.md).
//
// 1. Every length and offset is checked before it is followed: whatever the bytes, nothing outside of them is read. What
//    does not fit is empty or missing. Checksums are not looked at: a store checks them when it gives a tree out, and
//    put_packed when it takes one.
// 2. Views are valid as long as the bytes. Packed lists of numbers are lent as they lie, so the bytes must begin at an
//    address divisible by 8, as those of View::packed_tree do; elsewhere such lists seem empty.

#ifndef STRATUM_PACKED_HPP
#define STRATUM_PACKED_HPP

#include <algorithm>

#include "value.hpp"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed trees are little-endian"
#endif

namespace stratum {
namespace detail {

/// The number at `at`; 0 where the bytes end before it does.
template <class T>
T number_at(BytesView bytes, std::size_t at) noexcept {
    T number = 0;
    if (at <= bytes.size() && bytes.size() - at >= sizeof number) {
        std::memcpy(&number, bytes.begin() + at, sizeof number);
    }
    return number;
}

/// Those bytes, where all of them are there.
inline std::optional<BytesView> part(BytesView bytes, std::uint64_t at, std::uint64_t length) noexcept {
    if (at > bytes.size() || length > bytes.size() - at) {
        return std::nullopt;
    }
    return BytesView(bytes.begin() + at, static_cast<std::size_t>(length));
}

inline std::uint64_t padded(std::uint64_t length) noexcept {
    return (length + 7) / 8 * 8;
}

} // namespace detail

/// A value in its encoded form.
class PackedValue {
public:
    /// The value that the bytes begin with; nullopt where they begin with none.
    static std::optional<PackedValue> at(BytesView bytes) noexcept {
        const std::uint64_t count = detail::number_at<std::uint32_t>(bytes, 4);
        if (bytes.size() < 8) {
            return std::nullopt;
        }
        std::uint64_t payload = 0;
        switch (static_cast<Kind>(bytes.begin()[0])) {
        case Kind::Null:
        case Kind::Bool: break;
        case Kind::Int64:
        case Kind::Double: payload = 8; break;
        case Kind::Decimal:
        case Kind::String:
        case Kind::Bytes: payload = detail::padded(count); break;
        case Kind::Int64List:
        case Kind::DoubleList: payload = 8 * count; break;
        case Kind::StringList: payload = texts_length(bytes, count); break;
        case Kind::StringMap: payload = texts_length(bytes, 2 * count); break;
        case Kind::List:
        case Kind::Map: payload = 8 + std::min(detail::number_at<std::uint64_t>(bytes, 8), std::uint64_t{1} << 40); break;
        default: return std::nullopt;
        }
        const auto whole = detail::part(bytes, 0, 8 + payload);
        return whole ? std::optional<PackedValue>(PackedValue(*whole)) : std::nullopt;
    }

    Kind kind() const noexcept { return static_cast<Kind>(bytes_.begin()[0]); }
    /// Bytes, elements or entries, as the kind says.
    std::size_t size() const noexcept { return is_counted() ? detail::number_at<std::uint32_t>(bytes_, 4) : 0; }
    /// The encoded form: as rows of apply_packed take it.
    BytesView encoded() const noexcept { return bytes_; }

    std::optional<bool> boolean() const noexcept {
        return kind() == Kind::Bool ? std::optional<bool>(detail::number_at<std::uint32_t>(bytes_, 4) != 0) : std::nullopt;
    }
    std::optional<std::int64_t> int64() const noexcept {
        return kind() == Kind::Int64 ? std::optional<std::int64_t>(detail::number_at<std::int64_t>(bytes_, 8))
                                     : std::nullopt;
    }
    std::optional<double> float64() const noexcept {
        return kind() == Kind::Double ? std::optional<double>(detail::number_at<double>(bytes_, 8)) : std::nullopt;
    }
    /// Of a String or a Decimal.
    std::string_view text() const noexcept {
        return kind() == Kind::String || kind() == Kind::Decimal ? content().text() : std::string_view();
    }
    BytesView bytes() const noexcept { return kind() == Kind::Bytes ? content() : BytesView(); }
    Span<std::int64_t> int64s() const noexcept { return numbers<std::int64_t>(Kind::Int64List); }
    Span<double> doubles() const noexcept { return numbers<double>(Kind::DoubleList); }
    /// Texts of a StringList; of a StringMap keys and values in turn, so twice its size.
    std::size_t string_count() const noexcept {
        return kind() == Kind::StringList ? size() : kind() == Kind::StringMap ? 2 * size() : 0;
    }
    /// Text number `at`, which must be below string_count().
    std::string_view string(std::size_t at) const noexcept {
        const std::uint64_t area = 8 + detail::padded(4 * static_cast<std::uint64_t>(string_count()));
        const std::uint64_t from = at == 0 ? 0 : detail::number_at<std::uint32_t>(bytes_, 4 + 4 * at);
        const std::uint64_t to = detail::number_at<std::uint32_t>(bytes_, 8 + 4 * at);
        const auto text = from <= to ? detail::part(bytes_, area + from, to - from) : std::nullopt;
        return text && !text->empty() ? text->text() : std::string_view();
    }
    /// Calls `each(PackedValue)` for each value of a List, in their order.
    template <class Each>
    void for_values(Each &&each) const {
        if (kind() == Kind::List) {
            walk([&](PackedValue value) { each(value); });
        }
    }
    /// Calls `each(std::string_view, PackedValue)` for each entry of a Map, in their order.
    template <class Each>
    void for_entries(Each &&each) const {
        if (kind() == Kind::Map) {
            std::optional<std::string_view> key;
            walk([&](PackedValue value) {
                if (key) {
                    each(*key, value);
                    key.reset();
                } else {
                    key = value.text();
                }
            });
        }
    }

    /// A copy that owns what it holds; what nests deeper than any stored value is cut off.
    Value to_value(int depth = 0) const {
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
            for (std::size_t at = 0; at < string_count(); ++at) {
                texts.emplace_back(string(at));
            }
            return texts;
        }
        case Kind::StringMap: {
            StringMap map;
            for (std::size_t at = 0; at + 1 < string_count(); at += 2) {
                map.entries.emplace_back(string(at), string(at + 1));
            }
            return map;
        }
        case Kind::List: {
            List list;
            if (depth < kDeepest) {
                for_values([&](PackedValue value) { list.push_back(value.to_value(depth + 1)); });
            }
            return list;
        }
        case Kind::Map: {
            Map map;
            if (depth < kDeepest) {
                for_entries([&](std::string_view key, PackedValue value) {
                    map.push_back(Entry{std::string(key), value.to_value(depth + 1)});
                });
            }
            return map;
        }
        case Kind::Null: break;
        }
        return {};
    }

private:
    static constexpr int kDeepest = 64;

    explicit PackedValue(BytesView bytes) noexcept : bytes_(bytes) {}

    /// Ends and text area of that many texts.
    static std::uint64_t texts_length(BytesView bytes, std::uint64_t texts) noexcept {
        const std::uint64_t last =
            texts == 0 ? 0 : detail::number_at<std::uint32_t>(bytes, static_cast<std::size_t>(4 + 4 * texts));
        return detail::padded(4 * texts) + detail::padded(last);
    }
    bool is_counted() const noexcept { return kind() >= Kind::Decimal; }
    BytesView content() const noexcept { return {bytes_.begin() + 8, size()}; }

    template <class T>
    Span<T> numbers(Kind wanted) const noexcept {
        const std::uint8_t *data = bytes_.begin() + 8;
        if (kind() != wanted || reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) {
            return {};
        }
        return {reinterpret_cast<const T *>(data), size()};
    }

    template <class Each>
    void walk(Each &&each) const {
        BytesView rest(bytes_.begin() + 16, bytes_.size() - 16);
        for (auto value = at(rest); value; value = at(rest)) {
            rest = BytesView(rest.begin() + value->bytes_.size(), rest.size() - value->bytes_.size());
            each(*value);
        }
    }

    BytesView bytes_;
};

/// A columns section: columns sorted by the bytes of their names.
class PackedColumns {
public:
    explicit PackedColumns(BytesView section = {}) noexcept : section_(section) {}

    std::size_t size() const noexcept { return detail::number_at<std::uint32_t>(section_, 0); }
    /// Calls `each(std::string_view, PackedValue)` for each column.
    template <class Each>
    void for_each(Each &&each) const {
        std::uint64_t at = 8;
        while (const auto header = detail::part(section_, at, 8)) {
            const std::uint64_t name_length = detail::number_at<std::uint32_t>(*header, 0);
            const std::uint64_t value_length = 8 * std::uint64_t{detail::number_at<std::uint32_t>(*header, 4)};
            const auto name = detail::part(section_, at + 8, name_length);
            const auto bytes = detail::part(section_, at + 8 + detail::padded(name_length), value_length);
            const auto value = name && bytes ? PackedValue::at(*bytes) : std::nullopt;
            if (!value) {
                return;
            }
            each(name->text(), *value);
            at += 8 + detail::padded(name_length) + value_length;
        }
    }
    /// The column of that name.
    std::optional<PackedValue> find(std::string_view wanted) const {
        std::optional<PackedValue> found;
        for_each([&](std::string_view name, PackedValue value) {
            if (name == wanted) {
                found = value;
            }
        });
        return found;
    }
    Columns to_columns() const {
        Columns columns;
        for_each([&](std::string_view name, PackedValue value) {
            columns.push_back(Column{std::string(name), value.to_value()});
        });
        return columns;
    }

private:
    BytesView section_;
};

/// One input of a packed tree.
struct PackedInput {
    InputId id;
    PackedValue value;
    std::optional<PackedValue> output;
    PackedColumns columns;
};

/// A packed tree.
class PackedTree {
public:
    /// nullopt where the bytes are none, or of a version that this does not know.
    static std::optional<PackedTree> at(BytesView bytes) noexcept {
        const bool is_tree = bytes.size() >= kHeader && bytes.text().substr(0, 4) == "STPT" && bytes.begin()[4] == 1 &&
                             detail::number_at<std::uint16_t>(bytes, 6) == 0;
        if (!is_tree || 8 * std::uint64_t{detail::number_at<std::uint32_t>(bytes, 8)} != bytes.size()) {
            return std::nullopt;
        }
        const std::uint64_t entries = detail::number_at<std::uint32_t>(bytes, 24);
        return detail::part(bytes, kHeader, kEntry * entries) ? std::optional<PackedTree>(PackedTree(bytes)) : std::nullopt;
    }

    std::size_t input_count() const noexcept { return detail::number_at<std::uint32_t>(bytes_, 24); }
    std::size_t output_count() const noexcept { return detail::number_at<std::uint32_t>(bytes_, 64); }
    BytesView blob() const noexcept {
        const std::uint64_t offset = 8 * std::uint64_t{detail::number_at<std::uint32_t>(bytes_, 40)};
        return detail::part(bytes_, offset, detail::number_at<std::uint64_t>(bytes_, 48)).value_or(BytesView());
    }
    PackedColumns columns() const noexcept {
        const std::uint64_t offset = 8 * std::uint64_t{detail::number_at<std::uint32_t>(bytes_, 32)};
        const std::uint64_t length = 8 * std::uint64_t{detail::number_at<std::uint32_t>(bytes_, 36)};
        return PackedColumns(detail::part(bytes_, offset, length).value_or(BytesView()));
    }
    /// The input at that position in the document's order; nullopt where there is none that can be read.
    std::optional<PackedInput> input(std::size_t position) const noexcept {
        const auto entry = detail::part(bytes_, kHeader + kEntry * std::uint64_t{position}, kEntry);
        if (position >= input_count() || !entry) {
            return std::nullopt;
        }
        const auto field = [&](std::size_t at) { return std::uint64_t{detail::number_at<std::uint32_t>(*entry, at)}; };
        const std::uint64_t offset = 8 * field(4);
        const std::uint64_t value_length = 8 * field(8);
        const std::uint64_t output_length = 8 * field(12);
        const std::uint64_t columns_length = 8 * (field(16) & 0x3fffffff);
        const auto value = detail::part(bytes_, offset, value_length);
        const auto output = detail::part(bytes_, offset + value_length, output_length);
        const auto columns = detail::part(bytes_, offset + value_length + output_length, columns_length);
        const auto decoded = value ? PackedValue::at(*value) : std::nullopt;
        if (!decoded || !output || !columns) {
            return std::nullopt;
        }
        return PackedInput{field(0), *decoded, PackedValue::at(*output), PackedColumns(*columns)};
    }
    /// A copy that owns what it holds.
    Tree to_tree() const {
        Tree tree{std::string(blob().begin(), blob().end()), columns().to_columns(), {}};
        for (std::size_t position = 0; position < input_count(); ++position) {
            if (const auto read = input(position)) {
                Input made{read->value.to_value(), read->columns.to_columns(), std::nullopt, read->id};
                if (read->output) {
                    made.output = read->output->to_value();
                }
                tree.inputs.push_back(std::move(made));
            }
        }
        return tree;
    }

private:
    static constexpr std::size_t kHeader = 80;
    static constexpr std::size_t kEntry = 32;

    explicit PackedTree(BytesView bytes) noexcept : bytes_(bytes) {}

    BytesView bytes_;
};

} // namespace stratum

#endif
