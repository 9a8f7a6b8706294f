// Cursors: over the documents of a view, over the inputs of a document.
//
// 1. A cursor keeps the moment of its view and may outlive the view, not the store: then it answers Closed.
// 2. In a range-for an error is thrown; without exceptions it ends the loop, and status() tells.

#ifndef STRATUM_CURSOR_HPP
#define STRATUM_CURSOR_HPP

#include <optional>

#include "handle.hpp"

namespace stratum {
namespace detail {

/// What range-for needs, over a cursor's next().
template <class Cursor, class Row>
class CursorIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Row;

    explicit CursorIterator(Cursor *cursor = nullptr) : cursor_(cursor) { advance(); }
    Row operator*() const { return *row_; }
    CursorIterator &operator++() {
        advance();
        return *this;
    }
    friend bool operator==(const CursorIterator &a, const CursorIterator &b) { return a.cursor_ == b.cursor_; }
    friend bool operator!=(const CursorIterator &a, const CursorIterator &b) { return !(a == b); }

private:
    void advance() {
        if (cursor_ != nullptr) {
            row_ = cursor_->step();
            if (!row_) {
                cursor_ = nullptr;
            }
        }
    }

    Cursor *cursor_;
    std::optional<Row> row_;
};

/// What both cursors have in common.
template <class Self, class Row>
class CursorBase {
public:
    CursorIterator<Self, Row> begin() { return CursorIterator<Self, Row>(static_cast<Self *>(this)); }
    CursorIterator<Self, Row> end() { return CursorIterator<Self, Row>(); }
    /// What ended the last range-for, where it was an error.
    const Result<void> &status() const noexcept { return status_; }

    /// One step of a range-for.
    std::optional<Row> step() {
        Result<std::optional<Row>> row = static_cast<Self *>(this)->next();
        if (!row) {
            status_ = *row.error();
#if STRATUM_EXCEPTIONS
            raise(*row.error());
#else
            return std::nullopt;
#endif
        }
        return *row;
    }

private:
    Result<void> status_;
};

} // namespace detail

/// Ids of documents, ascending. Thread safety: one thread at a time.
class DocumentCursor : public detail::CursorBase<DocumentCursor, DocumentId> {
public:
    DocumentCursor() noexcept = default;
    explicit DocumentCursor(stratum_document_cursor *raw) noexcept : handle_(raw) {}

    /// The next id; nullopt past the last.
    Result<std::optional<DocumentId>> next() {
        if (!handle_) {
            return detail::empty_handle();
        }
        detail::Caught caught;
        DocumentId document = 0;
        const std::int32_t status = stratum_document_cursor_next(handle_.raw(), &document, caught.out());
        if (status == STRATUM_END) {
            return std::optional<DocumentId>();
        }
        if (status != STRATUM_OK) {
            return caught.take(status);
        }
        return std::optional<DocumentId>(document);
    }

    /// The next ids, at most `capacity` (above 0); how many there were, 0 past the last.
    Result<std::size_t> fill(DocumentId *documents, std::size_t capacity) {
        if (!handle_) {
            return detail::empty_handle();
        }
        detail::Caught caught;
        std::size_t count = 0;
        const std::int32_t status =
            stratum_document_cursor_fill(handle_.raw(), documents, capacity, &count, caught.out());
        if (status != STRATUM_OK && status != STRATUM_END) {
            return caught.take(status);
        }
        return status == STRATUM_END ? 0 : count;
    }

    /// Goes on from the first id that is `from` or above, forwards or back.
    Result<void> seek(DocumentId from) {
        if (!handle_) {
            return detail::empty_handle();
        }
        return detail::done([&](stratum_error **error) {
            return stratum_document_cursor_seek(handle_.raw(), from, error);
        });
    }

    void free() noexcept { handle_.free(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

private:
    detail::Handle<stratum_document_cursor, stratum_document_cursor_free> handle_;
};

/// The inputs of a document in their order. Thread safety: one thread at a time.
class InputCursor : public detail::CursorBase<InputCursor, InputView> {
public:
    InputCursor() noexcept = default;
    explicit InputCursor(stratum_input_cursor *raw) noexcept : handle_(raw) {}

    /// The next input, valid until the next call on this cursor or its end; nullopt past the last.
    Result<std::optional<InputView>> next() {
        if (!handle_) {
            return detail::empty_handle();
        }
        detail::Caught caught;
        const stratum_input *input = nullptr;
        const std::int32_t status = stratum_input_cursor_next(handle_.raw(), &input, caught.out());
        if (status == STRATUM_END) {
            return std::optional<InputView>();
        }
        if (status != STRATUM_OK) {
            return caught.take(status);
        }
        return std::optional<InputView>(InputView(input));
    }

    /// The next inputs as packed rows (stratum_input_cursor_fill tells their layout): the bytes that were filled, 0 past
    /// the last. BufferTooSmall where not even one fits; `*needed` (may be NULL) gets the bytes that it takes.
    Result<std::size_t> fill(void *buffer, std::size_t capacity, std::size_t *needed = nullptr) {
        if (!handle_) {
            return detail::empty_handle();
        }
        detail::Caught caught;
        std::size_t length = 0;
        const std::int32_t status = stratum_input_cursor_fill(handle_.raw(), buffer, capacity, &length, caught.out());
        if (needed != nullptr) {
            *needed = length;
        }
        if (status != STRATUM_OK && status != STRATUM_END) {
            return caught.take(status);
        }
        return status == STRATUM_END ? 0 : length;
    }

    void free() noexcept { handle_.free(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

private:
    detail::Handle<stratum_input_cursor, stratum_input_cursor_free> handle_;
};

} // namespace stratum

#endif
