// Handles: who holds one frees it; and what reads give, each in an owner of its own.
//
// 1. Move-only. A moved-from handle is empty; an empty one answers Closed to every call, and its free is none.
// 2. What a moved-from owner shows is nothing: a Null, no columns, inputs, ids or bytes.
// 3. Owners do not depend on each other: they may go in any order, before or after their store.

#ifndef STRATUM_HANDLE_HPP
#define STRATUM_HANDLE_HPP

#include <utility>

#include "borrowed.hpp"
#include "error.hpp"

namespace stratum {
namespace detail {

/// Owns a handle of type T.
template <class T, std::int32_t (*Free)(T **)>
class Handle {
public:
    explicit Handle(T *raw = nullptr) noexcept : raw_(raw) {}
    Handle(Handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Handle &operator=(Handle &&other) noexcept {
        if (this != &other) {
            Free(&raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    ~Handle() { Free(&raw_); }

    /// Whether there is one; false after free, commit and move.
    explicit operator bool() const noexcept { return raw_ != nullptr; }
    T *raw() const noexcept { return raw_; }
    T **out() noexcept { return &raw_; }
    void free() noexcept { Free(&raw_); }

protected:
    T *raw_;
};

} // namespace detail

/// Something of the library's, of which View shows the inside: `owned->...`.
template <class T, std::int32_t (*Free)(T **), class View>
class Owned {
public:
    Owned(T *raw, View view) noexcept : handle_(raw), view_(view) {}
    Owned(Owned &&other) noexcept : handle_(std::move(other.handle_)), view_(std::exchange(other.view_, View())) {}
    Owned &operator=(Owned &&other) noexcept {
        if (this != &other) {
            handle_ = std::move(other.handle_);
            view_ = std::exchange(other.view_, View());
        }
        return *this;
    }
    ~Owned() = default;

    /// Valid as long as this lives.
    const View &operator*() const noexcept { return view_; }
    const View *operator->() const noexcept { return &view_; }
    auto begin() const noexcept { return view_.begin(); }
    auto end() const noexcept { return view_.end(); }

protected:
    detail::Handle<T, Free> handle_;

private:
    View view_;
};

/// A value that was read: `value->int64()`.
using OwnedValue = Owned<stratum_result, stratum_result_free, ValueView>;
/// Columns that were read: `for (ColumnView column : columns)`.
using OwnedColumns = Owned<stratum_result, stratum_result_free, ColumnsView>;
/// Inputs that were read: `for (InputView input : inputs)`.
using OwnedInputs = Owned<stratum_result, stratum_result_free, InputsView>;
/// Ids that were read.
using OwnedIds = Owned<stratum_result, stratum_result_free, Span<std::uint64_t>>;
/// A tree that was read: `tree->inputs()`.
using OwnedTree = Owned<stratum_tree, stratum_tree_free, TreeView>;
/// Bytes that were read, the store's own where they can be: `bytes->text()`.
class Pinned : public Owned<stratum_pinned, stratum_pinned_free, BytesView> {
public:
    explicit Pinned(stratum_pinned *raw) noexcept
        : Owned(raw, BytesView(stratum_pinned_data(raw), stratum_pinned_length(raw))) {}

    /// Whether the bytes are the store's own (a mapped log file) rather than a copy.
    bool is_borrowed() const noexcept { return stratum_pinned_is_borrowed(handle_.raw()) != 0; }
};

} // namespace stratum

#endif
