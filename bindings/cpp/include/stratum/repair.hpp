// Repair: saving what still checks out of a damaged store into a new one.
//
// 1. Damage is no error: it is in the report, which owns all that it shows.

#ifndef STRATUM_REPAIR_HPP
#define STRATUM_REPAIR_HPP

#include <functional>

#include "handle.hpp"

namespace stratum {

/// How far a repair has come.
using RepairProgress = stratum_repair_progress;
/// What a repair found, saved and lost; stratum.h tells each field.
using RepairResult = stratum_repair_result;
/// One thing that a repair found.
using Finding = stratum_finding;

/// How a store is repaired.
struct RepairOptions {
    /// Bytes at which a log file of the target is ended; 0 for the default.
    std::uint64_t segment_size = 0;
    /// Bytes up to which a document with its changes is written as one tree; 0 for the default.
    std::uint64_t merge_limit = 0;
    /// Only report: nothing is written, and the target is not looked at.
    bool dry_run = false;
    /// Called now and then on the calling thread; false stops. What it throws stops too, and goes on to the caller.
    std::function<bool(const RepairProgress &)> progress = {};
};

/// The report of a repair: `report->documents_whole`, `for (const Finding &finding : report.findings())`. All zeros, and
/// no findings, once it was moved from.
class RepairReport {
public:
    explicit RepairReport(stratum_repair_report *raw) noexcept : handle_(raw) {}

    /// Valid as long as the report.
    const RepairResult &operator*() const noexcept {
        static constexpr RepairResult kNothing{};
        const RepairResult *result = stratum_repair_report_get(handle_.raw());
        return result != nullptr ? *result : kNothing;
    }
    const RepairResult *operator->() const noexcept { return &**this; }
    Span<Finding> findings() const noexcept { return {(**this).findings, (**this).finding_count}; }
    /// A finding as one line for people.
    static std::string_view line(const Finding &finding) noexcept { return detail::text_of(finding.line); }

private:
    detail::Handle<stratum_repair_report, stratum_repair_report_free> handle_;
};

namespace detail {

/// A callback on its way through C.
struct RepairWatch {
    const RepairOptions *options;
    std::exception_ptr thrown;

    static std::int32_t call(const stratum_repair_progress *progress, void *context) {
        RepairWatch &watch = *static_cast<RepairWatch *>(context);
#if STRATUM_EXCEPTIONS
        try {
            return watch.options->progress(*progress) ? 1 : 0;
        } catch (...) {
            watch.thrown = std::current_exception();
            return 0;
        }
#else
        return watch.options->progress(*progress) ? 1 : 0;
#endif
    }
};

} // namespace detail

/// Saves what still checks out of the store in the directory `source` into a new one in `target`, which must be empty or
/// not exist. The source is not changed. Thread safety: any thread.
inline Result<RepairReport> repair(std::string_view source, std::string_view target, const RepairOptions &options = {}) {
    detail::RepairWatch watch{&options, nullptr};
    stratum_repair_options raw{};
    raw.struct_size = sizeof raw;
    raw.segment_size = options.segment_size;
    raw.merge_limit = options.merge_limit;
    raw.dry_run = options.dry_run ? 1 : 0;
    if (options.progress) {
        raw.progress = &detail::RepairWatch::call;
        raw.context = &watch;
    }
    auto report = detail::made<stratum_repair_report *>([&](stratum_repair_report **out, stratum_error **error) {
        return stratum_repair(source.data(), source.size(), target.data(), target.size(), &raw, out, error);
    });
    // Owned before anything is thrown.
    Result<RepairReport> owned = report ? Result<RepairReport>(RepairReport(*report)) : Result<RepairReport>(*report.error());
#if STRATUM_EXCEPTIONS
    if (watch.thrown) {
        std::rethrow_exception(watch.thrown);
    }
#endif
    return owned;
}

} // namespace stratum

#endif
