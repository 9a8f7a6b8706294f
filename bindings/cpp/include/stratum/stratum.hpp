// Stratum for C++17: an embedded, log-structured, hierarchical storage engine.
//
//     #include <stratum/stratum.hpp>
//
//     auto db = stratum::Db::open("sums.stratum").value();
//     auto document = db.create_document("Add two numbers.", {{"name", "Sum"}}).value();
//     auto input = db.append_input(document, "2 3").value();
//     db.set_output(document, input, 5).value();
//
// 1. This is the only header to include. It is thin over stratum.h, which says what each call does, with which errors.
// 2. Every call that can fail gives a Result; nothing else throws, but for std::bad_alloc and what a callback throws.
// 3. Thread safety is stratum.h's: a Db, a View and a Snapshot may be used by any number of threads, a Batch and a
//    cursor by one at a time; moving and destroying an object is for one thread, as with any object.

#ifndef STRATUM_STRATUM_HPP
#define STRATUM_STRATUM_HPP

#include <functional>
#include <type_traits>

#include "options.hpp"
#include "packed.hpp"
#include "repair.hpp"
#include "view.hpp"
#include "writes.hpp"

namespace stratum {

/// Figures about a store; stratum.h tells each.
using Stats = stratum_stats;
/// How far a compaction has come.
using Progress = stratum_progress;

/// Any number of writes that become visible and durable together; abandoned by its destructor.
/// Thread safety: one thread at a time.
class Batch : public detail::Writes<Batch, detail::BatchCalls> {
public:
    Batch() noexcept = default;
    explicit Batch(stratum_batch *raw) noexcept : handle_(raw) {}

    /// Commits; the commit's sequence number. The batch is empty afterwards, but after Busy and Panic.
    Result<std::uint64_t> commit(Durability durability = Durability::Default) {
        if (!handle_) {
            return detail::empty_handle();
        }
        stratum_commit_options options{};
        options.struct_size = sizeof options;
        options.durability = static_cast<std::int32_t>(durability);
        return detail::made<std::uint64_t>([&](std::uint64_t *sequence, stratum_error **error) {
            return stratum_batch_commit(handle_.out(), &options, sequence, error);
        });
    }
    /// Abandons it: nothing of it is written.
    void free() noexcept { handle_.free(); }
    /// Forgets everything in it; it can be used again.
    Result<void> clear() {
        if (!handle_) {
            return detail::empty_handle();
        }
        return detail::done([&](stratum_error **error) { return stratum_batch_clear(handle_.raw(), error); });
    }

    /// How much is in it.
    struct Size {
        std::uint64_t operations;
        /// As counted against max_batch_bytes.
        std::uint64_t bytes;
    };
    Result<Size> size() {
        if (!handle_) {
            return detail::empty_handle();
        }
        return detail::made<Size>([&](Size *size, stratum_error **error) {
            return stratum_batch_size(handle_.raw(), &size->operations, &size->bytes, error);
        });
    }

    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
    stratum_batch *writer() noexcept { return handle_.raw(); }

private:
    detail::Handle<stratum_batch, stratum_batch_free> handle_;
};

/// One place where a store is damaged.
struct Damage {
    std::string file;
    std::uint64_t offset;
    /// 0 where it cannot be told.
    DocumentId document;
    std::string what;
};

/// What a full check found.
struct Findings {
    std::uint64_t segments;
    std::uint64_t records;
    std::uint64_t bytes;
    std::uint64_t documents;
    std::uint64_t inputs;
    std::uint64_t outputs;
    /// Empty where all is well.
    std::vector<Damage> damage;
};

/// An open store; closed by close or by its destructor, which tells nobody what could not be made durable. Where it is
/// destroyed, or another is moved into it, inside a callback of its own compact_now, it is closed at the end of that.
/// Thread safety: any thread, but for close, move and the destructor.
class Db : public detail::Writes<Db, detail::DbCalls> {
public:
    Db() noexcept = default;
    Db(Db &&) noexcept = default;
    Db &operator=(Db &&) noexcept = default;
    ~Db() = default;

    /// Opens the store in the directory `path`, and creates it where there is none.
    static Result<Db> open(std::string_view path, const Options &options) {
        if (!options.status()) {
            return *options.status().error();
        }
        if (options.raw() == nullptr) {
            return detail::empty_handle();
        }
        return open_raw(path, options.raw());
    }
    static Result<Db> open(std::string_view path) { return open_raw(path, nullptr); }

    /// Makes everything durable and closes; what was not made durable is the error, the store is closed all the same
    /// (but after Busy: from within a callback). A second close is none.
    Result<void> close() {
        return detail::done([&](stratum_error **error) { return stratum_db_close(handle_.out(), error); });
    }

    /// The newest moment at each read. Valid as long as the store is open.
    View latest() const noexcept { return View(handle_ ? stratum_db_latest(handle_.raw()) : nullptr); }
    /// One moment that stays.
    Result<Snapshot> snapshot() const { return make<Snapshot, stratum_view *>(stratum_db_snapshot); }
    Result<Batch> batch() const { return make<Batch, stratum_batch *>(stratum_batch_create); }

    /// Runs `work` on a batch and commits it where that gives no error; what `work` gave.
    template <class Work, class Outcome = std::invoke_result_t<Work, Batch &>>
    Outcome write(Work &&work, Durability durability = Durability::Default) {
        Result<Batch> batch = this->batch();
        if (!batch) {
            return *batch.error();
        }
        Outcome outcome = std::forward<Work>(work)(*batch);
        if (outcome) {
            Result<std::uint64_t> commit = batch->commit(durability);
            if (!commit) {
                return *commit.error();
            }
        }
        return outcome;
    }

    /// Makes everything that was committed so far durable.
    Result<void> flush() const { return run(stratum_db_flush); }
    /// Writes an index checkpoint now.
    Result<void> checkpoint() const { return run(stratum_db_checkpoint); }
    /// Compacts until no garbage is left that can go.
    Result<void> compact_now() const { return run(stratum_db_compact_now, nullptr, nullptr); }
    /// The same; `progress` is called between steps, on this thread, and ends the work by returning false. It may read
    /// the store, and it may throw: that ends the work, too, and goes on to the caller.
    Result<void> compact_now(const std::function<bool(const Progress &)> &progress) const {
        Watch watch(progress, handle_.raw());
        Result<void> result = run(stratum_db_compact_now, &Watch::call, &watch);
        // From here on this object may be gone, or another store.
#if STRATUM_EXCEPTIONS
        if (watch.thrown) {
            std::rethrow_exception(watch.thrown);
        }
#endif
        return result;
    }

    Result<Stats> stats() const {
        if (!handle_) {
            return detail::empty_handle();
        }
        return detail::made<Stats>([&](Stats *stats, stratum_error **error) {
            stats->struct_size = sizeof *stats;
            return stratum_db_stats(handle_.raw(), stats, error);
        });
    }
    /// Reads and checks everything. Damage is no error but in the findings.
    Result<Findings> verify() const {
        Result<ReportHandle> report = make<ReportHandle, stratum_report *>(stratum_db_verify);
        if (!report) {
            return *report.error();
        }
        const stratum_findings &found = *stratum_report_get(report->raw());
        Findings findings{found.segments, found.records, found.bytes, found.documents, found.inputs, found.outputs, {}};
        for (std::size_t at = 0; at < found.damage_count; ++at) {
            const stratum_damage &damage = found.damage[at];
            findings.damage.push_back(Damage{std::string(detail::text_of(damage.file)), damage.offset, damage.document,
                                             std::string(detail::text_of(damage.what))});
        }
        return findings;
    }

    /// Whether it is open, as far as this object knows.
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
    stratum_db *writer() const noexcept { return handle_.raw(); }

private:
    using ReportHandle = detail::Handle<stratum_report, stratum_report_free>;

    /// A callback on its way through C, and the store that it must not lose meanwhile.
    struct Watch {
        const std::function<bool(const Progress &)> *progress;
        stratum_db *db;
        bool is_given_up = false;
        std::exception_ptr thrown;
        /// Of this thread: callbacks may compact other stores.
        Watch *outer = innermost;
        static inline thread_local Watch *innermost = nullptr;

        Watch(const std::function<bool(const Progress &)> &call, stratum_db *raw) noexcept : progress(&call), db(raw) {
            innermost = this;
        }
        Watch(const Watch &) = delete;
        Watch &operator=(const Watch &) = delete;
        ~Watch() {
            innermost = outer;
            if (is_given_up) {
                close_quietly(&db);
            }
        }

        static std::int32_t call(const stratum_progress *progress, void *context) {
            Watch &watch = *static_cast<Watch *>(context);
#if STRATUM_EXCEPTIONS
            try {
                return (*watch.progress)(*progress) ? 1 : 0;
            } catch (...) {
                watch.thrown = std::current_exception();
                return 0;
            }
#else
            return (*watch.progress)(*progress) ? 1 : 0;
#endif
        }
    };

    /// Inside a callback of the store, which the library refuses to close there, the compaction does it at its end.
    static std::int32_t close_quietly(stratum_db **db) {
        for (Watch *watch = Watch::innermost; watch != nullptr; watch = watch->outer) {
            if (*db != nullptr && watch->db == *db) {
                watch->is_given_up = true;
                *db = nullptr;
                return STRATUM_BUSY;
            }
        }
        return stratum_db_close(db, nullptr);
    }

    explicit Db(stratum_db *raw) noexcept : handle_(raw) {}
    static Result<Db> open_raw(std::string_view path, const stratum_options *options) {
        Result<stratum_db *> db = detail::made<stratum_db *>([&](stratum_db **db, stratum_error **error) {
            return stratum_db_open(path.data(), path.size(), options, db, error);
        });
        if (!db) {
            return *db.error();
        }
        return Db(*db);
    }
    template <class Call, class... Arguments>
    Result<void> run(Call call, Arguments... arguments) const {
        if (!handle_) {
            return detail::empty_handle();
        }
        return detail::done([&](stratum_error **error) { return call(handle_.raw(), arguments..., error); });
    }
    template <class Owner, class Raw, class Call>
    Result<Owner> make(Call call) const {
        if (!handle_) {
            return detail::empty_handle();
        }
        Result<Raw> raw = detail::made<Raw>([&](Raw *out, stratum_error **error) {
            return call(handle_.raw(), out, error);
        });
        if (!raw) {
            return *raw.error();
        }
        return Owner(*raw);
    }

    detail::Handle<stratum_db, close_quietly> handle_;
};

} // namespace stratum

#endif
