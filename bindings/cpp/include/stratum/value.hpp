// Values that own what they hold, and the trees that are made of them: what a program builds to be stored.
//
// 1. A Value is one of the 13 kinds, and comes back from a store bit for bit as it went in. Its kind is part of it:
//    Value(1) and Value(1.0) differ.
// 2. Nothing is checked here: a store refuses what cannot be stored (InvalidArgument) when it is written.

#ifndef STRATUM_VALUE_HPP
#define STRATUM_VALUE_HPP

#include <stratum.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace stratum {

/// Names a document; never 0.
using DocumentId = std::uint64_t;
/// Names an input within its document; never 0.
using InputId = std::uint64_t;

/// STRATUM_KIND_* of stratum.h.
enum class Kind : std::uint32_t {
    Null = STRATUM_KIND_NULL,
    Bool = STRATUM_KIND_BOOL,
    Int64 = STRATUM_KIND_INT64,
    Double = STRATUM_KIND_DOUBLE,
    Decimal = STRATUM_KIND_DECIMAL,
    String = STRATUM_KIND_STRING,
    Bytes = STRATUM_KIND_BYTES,
    Int64List = STRATUM_KIND_INT64_LIST,
    DoubleList = STRATUM_KIND_DOUBLE_LIST,
    StringList = STRATUM_KIND_STRING_LIST,
    StringMap = STRATUM_KIND_STRING_MAP,
    List = STRATUM_KIND_LIST,
    Map = STRATUM_KIND_MAP,
};

/// Bytes that somebody else keeps: anything with data() and size() of one-byte elements, or a pointer and a length.
class BytesView {
public:
    constexpr BytesView() noexcept = default;
    constexpr BytesView(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    BytesView(const char *text) noexcept : data_(text), size_(std::strlen(text)) {}
    template <class Bytes, class Item = std::remove_pointer_t<decltype(std::declval<const Bytes &>().data())>,
              class = std::enable_if_t<sizeof(Item) == 1 && std::is_trivially_copyable_v<Item>>>
    constexpr BytesView(const Bytes &bytes) noexcept : data_(bytes.data()), size_(bytes.size()) {}

    constexpr const void *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    const std::uint8_t *begin() const noexcept { return static_cast<const std::uint8_t *>(data_); }
    const std::uint8_t *end() const noexcept { return begin() + size_; }
    /// The same bytes as char, for comparing and printing.
    std::string_view text() const noexcept { return {static_cast<const char *>(data_), size_}; }

private:
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Items of the library's that stand one behind the other: what std::span is in C++20.
template <class T>
class Span {
public:
    constexpr Span() noexcept = default;
    constexpr Span(const T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    constexpr const T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const T &operator[](std::size_t at) const noexcept { return data_[at]; }
    constexpr const T *begin() const noexcept { return data_; }
    constexpr const T *end() const noexcept { return data_ + size_; }

private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Nothing; not the same as a missing value.
struct Null {
    friend bool operator==(Null, Null) noexcept { return true; }
};

/// A number as text in JSON's number grammar, for what fits neither int64_t nor double.
struct Decimal {
    std::string text;
    friend bool operator==(const Decimal &a, const Decimal &b) { return a.text == b.text; }
};

/// Any bytes.
struct Bytes {
    std::vector<std::uint8_t> data;
    friend bool operator==(const Bytes &a, const Bytes &b) { return a.data == b.data; }
};

/// A packed map of text to text: keys are unique and keep their order.
struct StringMap {
    std::vector<std::pair<std::string, std::string>> entries;
    friend bool operator==(const StringMap &a, const StringMap &b) { return a.entries == b.entries; }
};

class Value;
struct Entry;
/// Values of any kind.
using List = std::vector<Value>;
/// A map of text to values of any kind: keys are unique and keep their order.
using Map = std::vector<Entry>;

/// A typed value.
class Value {
public:
    using Content = std::variant<Null, bool, std::int64_t, double, Decimal, std::string, Bytes, std::vector<std::int64_t>,
                                 std::vector<double>, std::vector<std::string>, StringMap, List, Map>;

    Value() = default;
    Value(std::nullptr_t) {}
    Value(Null) {}
    /// bool, and nothing that merely converts to it.
    template <class T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
    Value(T content) : content_(content) {}
    /// Any integer whose type fits into int64_t.
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool> &&
                                            (std::is_signed_v<T> || sizeof(T) < sizeof(std::int64_t)), int> = 0>
    Value(T content) : content_(static_cast<std::int64_t>(content)) {}
    template <class T, std::enable_if_t<std::is_floating_point_v<T> && sizeof(T) <= sizeof(double), int> = 0>
    Value(T content) : content_(static_cast<double>(content)) {}
    Value(Decimal content) : content_(std::move(content)) {}
    Value(const char *content) : content_(std::string(content)) {}
    Value(std::string_view content) : content_(std::string(content)) {}
    Value(std::string content) : content_(std::move(content)) {}
    Value(Bytes content) : content_(std::move(content)) {}
    Value(std::vector<std::int64_t> content) : content_(std::move(content)) {}
    Value(std::vector<double> content) : content_(std::move(content)) {}
    Value(std::vector<std::string> content) : content_(std::move(content)) {}
    Value(StringMap content) : content_(std::move(content)) {}
    inline Value(List content);
    inline Value(Map content);

    Kind kind() const noexcept { return static_cast<Kind>(content_.index() + 1); }
    const Content &content() const noexcept { return content_; }
    /// The content, where it is a T; NULL otherwise.
    template <class T>
    const T *get_if() const noexcept {
        return std::get_if<T>(&content_);
    }

    /// Bit equality: NaNs with the same bits are equal, 0.0 and -0.0 are not.
    friend inline bool operator==(const Value &a, const Value &b);
    friend bool operator!=(const Value &a, const Value &b) { return !(a == b); }

private:
    Content content_;
};

/// One entry of a Map.
struct Entry {
    std::string key;
    Value value;
    friend bool operator==(const Entry &a, const Entry &b) { return a.key == b.key && a.value == b.value; }
};

inline Value::Value(List content) : content_(std::move(content)) {}
inline Value::Value(Map content) : content_(std::move(content)) {}

namespace detail {

inline bool same_bits(double a, double b) noexcept {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

} // namespace detail

inline bool operator==(const Value &a, const Value &b) {
    if (a.kind() != b.kind()) {
        return false;
    }
    if (const double *number = a.get_if<double>()) {
        return detail::same_bits(*number, *b.get_if<double>());
    }
    if (const auto *numbers = a.get_if<std::vector<double>>()) {
        const auto &others = *b.get_if<std::vector<double>>();
        if (numbers->size() != others.size()) {
            return false;
        }
        for (std::size_t at = 0; at < others.size(); ++at) {
            if (!detail::same_bits((*numbers)[at], others[at])) {
                return false;
            }
        }
        return true;
    }
    return a.content_ == b.content_;
}

/// A named value of a document or an input. Names are 1 to 255 bytes of UTF-8, unique in it.
struct Column {
    std::string name;
    Value value;
    friend bool operator==(const Column &a, const Column &b) { return a.name == b.name && a.value == b.value; }
};

/// Columns as they are written, in any order; as they are read, sorted by the bytes of their names.
using Columns = std::vector<Column>;

/// One input with what hangs on it.
struct Input {
    Value value;
    Columns columns = {};
    std::optional<Value> output = {};
    /// Its id in what was read; ignored in what is written.
    InputId id = 0;
};

/// A document with its columns, and its inputs and outputs in order.
struct Tree {
    /// Any bytes.
    std::string blob;
    Columns columns = {};
    std::vector<Input> inputs = {};
};

} // namespace stratum

#endif
