// How a store is opened.
//
// 1. A setter that is refused is remembered: Db::open answers the first such error.

#ifndef STRATUM_OPTIONS_HPP
#define STRATUM_OPTIONS_HPP

#include <chrono>
#include <string_view>

#include "handle.hpp"

namespace stratum {

/// When a commit counts as done.
enum class Durability : std::int32_t {
    /// For a commit: what the store was opened with.
    Default = STRATUM_DURABILITY_DEFAULT,
    /// On disk when the call returns.
    Always = STRATUM_DURABILITY_ALWAYS,
    /// Handed to the system, synced every sync_interval.
    Interval = STRATUM_DURABILITY_INTERVAL,
    /// Handed to the system; flush or the next Always commit syncs it.
    Os = STRATUM_DURABILITY_OS,
};

/// How log files are read.
enum class ReadMode : std::int32_t {
    Mmap = STRATUM_READ_MMAP,
    Pread = STRATUM_READ_PREAD,
};

/// How compaction compresses trees. Reading needs no option: every tree says how it is stored.
enum class Compression : std::int32_t {
    None = STRATUM_COMPRESSION_NONE,
    /// Little to pay for reads, least gained.
    Lz4 = STRATUM_COMPRESSION_LZ4,
    /// Smallest.
    Zstd = STRATUM_COMPRESSION_ZSTD,
};

/// Options with their defaults; each setter gives the options back: Options().create(false).fold_after(4).
/// Thread safety: one thread at a time.
class Options {
public:
    Options() {
        keep(detail::done([&](stratum_error **error) { return stratum_options_create(handle_.out(), error); }));
    }

    /// Any option from text, as stratum_options_set.
    Options &set(std::string_view name, std::string_view value) {
        return apply([&](stratum_options *options, stratum_error **error) {
            return stratum_options_set(options, name.data(), name.size(), value.data(), value.size(), error);
        });
    }
    /// Create the store where there is none. Default: true.
    Options &create(bool value) { return apply(stratum_options_set_create, value ? 1 : 0); }
    /// Refuse to open where there is one already. Default: false.
    Options &exclusive(bool value) { return apply(stratum_options_set_exclusive, value ? 1 : 0); }
    /// Of commits that do not say otherwise. Default: Always.
    Options &durability(Durability value) {
        return apply(stratum_options_set_durability, static_cast<std::int32_t>(value));
    }
    /// Longest time between syncs in Durability::Interval. Default: 100 ms.
    Options &sync_interval(std::chrono::milliseconds value) {
        return apply(stratum_options_set_sync_interval_ms, static_cast<std::uint64_t>(value.count()));
    }
    /// Default: Mmap.
    Options &read_mode(ReadMode value) { return apply(stratum_options_set_read_mode, static_cast<std::int32_t>(value)); }
    /// Verify the checksum of whatever a read returns. Default: true.
    Options &verify_reads(bool value) { return apply(stratum_options_set_verify_reads, value ? 1 : 0); }
    /// Bytes at which a log file is sealed. Default: 64 MiB.
    Options &segment_size(std::uint64_t value) { return apply(stratum_options_set_segment_size, value); }
    /// Largest blob or encoded value, in bytes. Default: 256 MiB.
    Options &max_record_bytes(std::uint64_t value) { return apply(stratum_options_set_max_record_bytes, value); }
    /// Largest batch, in bytes as encoded. Default: 1 GiB.
    Options &max_batch_bytes(std::uint64_t value) { return apply(stratum_options_set_max_batch_bytes, value); }
    /// Compaction, checkpoints and interval syncs on a thread of the store's own. Default: true.
    Options &background(bool value) { return apply(stratum_options_set_background, value ? 1 : 0); }
    /// Bytes on disk stay below this multiple of the live bytes, plus two log files. Default: 1.5; at least 1.1.
    Options &max_amplification(double value) { return apply(stratum_options_set_max_amplification, value); }
    /// Bytes of log after which a new index checkpoint is written. Default: 64 MiB.
    Options &checkpoint_bytes(std::uint64_t value) { return apply(stratum_options_set_checkpoint_bytes, value); }
    /// Changes that a document may gather before they are folded. Default: 8.
    Options &fold_after(std::uint32_t value) { return apply(stratum_options_set_fold_after, value); }
    /// Db::compact_now brings a whole store to it. Default: None.
    Options &compression(Compression value) {
        return apply(stratum_options_set_compression, static_cast<std::int32_t>(value));
    }
    /// Bytes that compaction may write in a second. Default: 0, no limit.
    Options &compaction_bytes_per_second(std::uint64_t value) {
        return apply(stratum_options_set_compaction_bytes_per_second, value);
    }
    /// Bytes of replaced log files that snapshots may hold. Default: no bound.
    Options &max_retained_bytes(std::uint64_t value) { return apply(stratum_options_set_max_retained_bytes, value); }

    /// The first setter that was refused.
    const Result<void> &status() const noexcept { return status_; }
    const stratum_options *raw() const noexcept { return handle_.raw(); }

private:
    template <class Setter, class... Value>
    Options &apply(Setter setter, Value... value) {
        if (!handle_) {
            keep(detail::empty_handle());
            return *this;
        }
        keep(detail::done([&](stratum_error **error) { return setter(handle_.raw(), value..., error); }));
        return *this;
    }
    void keep(Result<void> result) {
        if (status_) {
            status_ = std::move(result);
        }
    }

    detail::Handle<stratum_options, stratum_options_free> handle_;
    Result<void> status_;
};

} // namespace stratum

#endif
