// Statuses, errors, and Result: what every call of this library answers.
//
// 1. An Error that says NotFound or End allocates nothing.
// 2. Without exceptions (-fno-exceptions) Result::value is not there, and * and -> of a Result that holds an error end
//    the process: ask first.

#ifndef STRATUM_ERROR_HPP
#define STRATUM_ERROR_HPP

#include <stratum.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <variant>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
/// 1 where the program is compiled with exceptions.
#define STRATUM_EXCEPTIONS 1
#else
#define STRATUM_EXCEPTIONS 0
#endif

namespace stratum {

/// STRATUM_* of stratum.h. A newer library may answer others: name() knows them.
enum class Status : std::int32_t {
    Ok = STRATUM_OK,
    NotFound = STRATUM_NOT_FOUND,
    End = STRATUM_END,
    InvalidArgument = STRATUM_INVALID_ARGUMENT,
    InvalidHandle = STRATUM_INVALID_HANDLE,
    Closed = STRATUM_CLOSED,
    Busy = STRATUM_BUSY,
    BufferTooSmall = STRATUM_BUFFER_TOO_SMALL,
    TooLarge = STRATUM_TOO_LARGE,
    TooManyHandles = STRATUM_TOO_MANY_HANDLES,
    Corruption = STRATUM_CORRUPTION,
    Io = STRATUM_IO,
    NoSpace = STRATUM_NO_SPACE,
    Locked = STRATUM_LOCKED,
    NotAStore = STRATUM_NOT_A_STORE,
    NewerFormat = STRATUM_NEWER_FORMAT,
    OpenRefused = STRATUM_OPEN_REFUSED,
    CommitUnknown = STRATUM_COMMIT_UNKNOWN,
    Poisoned = STRATUM_POISONED,
    SnapshotTooOld = STRATUM_SNAPSHOT_TOO_OLD,
    Forked = STRATUM_FORKED,
    Panic = STRATUM_PANIC,
};

/// "STRATUM_LOCKED" for example; static. Thread safety: any thread.
inline const char *name(Status status) noexcept {
    return stratum_status_name(static_cast<std::int32_t>(status));
}

/// The version of the library that is linked, "0.1.0" for example; static.
inline const char *version() noexcept {
    return stratum_version();
}

/// What went wrong: a status, a text that says what happened and what to do, and the system's error number.
class Error : public std::exception {
public:
    explicit Error(Status status, std::string message = {}, int os_errno = 0) noexcept
        : status_(status), os_errno_(os_errno), message_(std::move(message)) {}

    Status status() const noexcept { return status_; }
    /// UTF-8; the status's name where there is no text (NotFound, End). Valid as long as the error.
    const char *what() const noexcept override { return message_.empty() ? name(status_) : message_.c_str(); }
    /// errno behind the failure, 0 where there is none.
    int os_errno() const noexcept { return os_errno_; }

private:
    Status status_;
    int os_errno_;
    std::string message_;
};

namespace detail {

[[noreturn]] inline void raise(const Error &error) {
#if STRATUM_EXCEPTIONS
    throw error;
#else
    (void)error;
    std::abort();
#endif
}

inline Error empty_handle() {
    return Error(Status::Closed, "closed: the handle is empty: it was closed, freed, committed or moved from");
}

/// Takes the error object of one call, whatever becomes of it.
class Caught {
public:
    Caught() = default;
    Caught(const Caught &) = delete;
    Caught &operator=(const Caught &) = delete;
    ~Caught() { stratum_error_free(&error_); }

    stratum_error **out() noexcept { return &error_; }
    Error take(std::int32_t status) const {
        if (error_ == nullptr) {
            return Error(static_cast<Status>(status));
        }
        return Error(static_cast<Status>(status), stratum_error_message(error_), stratum_error_os_errno(error_));
    }

private:
    stratum_error *error_ = nullptr;
};

} // namespace detail

/// A value of type T, or the Error that stands in its way. `if (result)` asks which; value() gives it or throws.
template <class T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return content_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return ok() ? Status::Ok : std::get_if<1>(&content_)->status(); }
    /// NULL where there is none; valid as long as the result.
    const Error *error() const noexcept { return std::get_if<1>(&content_); }

#if STRATUM_EXCEPTIONS
    /// The value; throws the Error where there is none.
    T &value() & { return checked(); }
    const T &value() const & { return const_cast<Result *>(this)->checked(); }
    T value() && { return std::move(checked()); }
#endif
    template <class U>
    T value_or(U &&other) && {
        return ok() ? std::move(*std::get_if<0>(&content_)) : static_cast<T>(std::forward<U>(other));
    }
    /// The value. Where there is none: throws the Error, or ends the process where there are no exceptions.
    T &operator*() & { return checked(); }
    const T &operator*() const & { return const_cast<Result *>(this)->checked(); }
    T operator*() && { return std::move(checked()); }
    T *operator->() { return &checked(); }
    const T *operator->() const { return &const_cast<Result *>(this)->checked(); }

private:
    T &checked() {
        if (const Error *error = std::get_if<1>(&content_)) {
            detail::raise(*error);
        }
        return *std::get_if<0>(&content_);
    }

    std::variant<T, Error> content_;
};

/// Done, or the Error that stood in its way.
template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() noexcept : error_(Status::Ok) {}
    Result(Error error) noexcept : error_(std::move(error)) {}

    bool ok() const noexcept { return error_.status() == Status::Ok; }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return error_.status(); }
    const Error *error() const noexcept { return ok() ? nullptr : &error_; }
#if STRATUM_EXCEPTIONS
    /// Throws the Error where there is one.
    void value() const {
        if (!ok()) {
            throw error_;
        }
    }
#endif

private:
    Error error_;
};

namespace detail {

/// Makes a call that gives nothing but a status.
template <class Call>
Result<void> done(Call &&call) {
    Caught caught;
    const std::int32_t status = call(caught.out());
    if (status != STRATUM_OK) {
        return caught.take(status);
    }
    return {};
}

/// Makes a call that gives something through a pointer.
template <class T, class Call>
Result<T> made(Call &&call) {
    Caught caught;
    T value{};
    const std::int32_t status = call(&value, caught.out());
    if (status != STRATUM_OK) {
        return caught.take(status);
    }
    return value;
}

} // namespace detail
} // namespace stratum

#endif
