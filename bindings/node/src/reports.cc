// Figures and reports of stratum.h as plain objects.
//
// 1. Members have the names of stratum.h in camelCase; 64-bit numbers are bigints.

#include "addon.hpp"

namespace node_stratum {

namespace {

/// An object whose first failing member ends the making of it.
class Object {
public:
    explicit Object(napi_env env) : env_(env) {
        if (napi_create_object(env, &object_) != napi_ok) {
            object_ = raise(env);
        }
    }

    Object &set(const char *name, napi_value value) {
        if (object_ != nullptr && !put(env_, object_, name, value)) {
            object_ = nullptr;
        }
        return *this;
    }
    Object &u64(const char *name, std::uint64_t value) { return set(name, number(env_, value)); }
    Object &truth(const char *name, bool value) { return set(name, boolean(env_, value)); }
    Object &text(const char *name, const stratum_text &text) { return set(name, string(env_, text.data, text.length)); }
    Object &int32(const char *name, std::int32_t value) {
        napi_value made;
        return set(name, napi_create_int32(env_, value, &made) == napi_ok ? made : raise(env_));
    }
    Object &float64(const char *name, double value) {
        napi_value made;
        return set(name, napi_create_double(env_, value, &made) == napi_ok ? made : raise(env_));
    }

    napi_value get() const { return object_; }

private:
    napi_env env_;
    napi_value object_ = nullptr;
};

template <class T, class Show>
napi_value list(napi_env env, const T *items, std::size_t count, Show show) {
    napi_value array;
    if (napi_create_array_with_length(env, count, &array) != napi_ok) {
        return raise(env);
    }
    for (std::size_t at = 0; at < count; ++at) {
        napi_value item = show(items[at]);
        if (item == nullptr || napi_set_element(env, array, static_cast<std::uint32_t>(at), item) != napi_ok) {
            return raise(env);
        }
    }
    return array;
}

}  // namespace

napi_value to_js(napi_env env, const stratum_stats &stats) {
    return Object(env)
        .u64("documents", stats.documents)
        .u64("nodes", stats.nodes)
        .u64("liveBytes", stats.live_bytes)
        .u64("totalBytes", stats.total_bytes)
        .u64("garbageBytes", stats.garbage_bytes)
        .float64("amplification", stats.amplification)
        .u64("segments", stats.segments)
        .u64("activeSegmentBytes", stats.active_segment_bytes)
        .u64("retainedBytes", stats.retained_bytes)
        .u64("snapshots", stats.snapshots)
        .u64("compactions", stats.compactions)
        .u64("compactionBytesRead", stats.compaction_bytes_read)
        .u64("compactionBytesWritten", stats.compaction_bytes_written)
        .u64("compactionThrottledUs", stats.compaction_throttled_us)
        .u64("folds", stats.folds)
        .u64("commits", stats.commits)
        .u64("durableCommits", stats.durable_commits)
        .u64("syncs", stats.syncs)
        .u64("largestGroup", stats.largest_group)
        .u64("pacedCommits", stats.paced_commits)
        .u64("mappedBytes", stats.mapped_bytes)
        .u64("indexBytes", stats.index_bytes)
        .u64("reservedBytes", stats.reserved_bytes)
        .u64("sequence", stats.sequence)
        .u64("durableSequence", stats.durable_sequence)
        .u64("checkpoints", stats.checkpoints)
        .u64("checkpointSequence", stats.checkpoint_sequence)
        .u64("recoveryDiscardedBytes", stats.recovery_discarded_bytes)
        .u64("recoveryReplayedBytes", stats.recovery_replayed_bytes)
        .u64("backgroundFailures", stats.background_failures)
        .truth("openedFromCheckpoint", stats.opened_from_checkpoint != 0)
        .truth("poisoned", stats.poisoned != 0)
        .get();
}

napi_value to_js(napi_env env, const stratum_findings &findings) {
    napi_value damage = list(env, findings.damage, findings.damage_count, [&](const stratum_damage &damage) {
        return Object(env)
            .text("file", damage.file)
            .u64("offset", damage.offset)
            .u64("document", damage.document)
            .text("what", damage.what)
            .get();
    });
    return Object(env)
        .u64("segments", findings.segments)
        .u64("records", findings.records)
        .u64("bytes", findings.bytes)
        .u64("documents", findings.documents)
        .u64("inputs", findings.inputs)
        .u64("outputs", findings.outputs)
        .set("damage", damage)
        .get();
}

napi_value to_js(napi_env env, const stratum_repair_result &result) {
    napi_value findings = list(env, result.findings, result.finding_count, [&](const stratum_finding &finding) {
        return Object(env)
            .int32("kind", finding.kind)
            .truth("isLoss", finding.is_loss != 0)
            .text("file", finding.file)
            .u64("offset", finding.offset)
            .u64("length", finding.length)
            .u64("document", finding.document)
            .u64("input", finding.input)
            .u64("sequence", finding.sequence)
            .text("line", finding.line)
            .get();
    });
    const char *outcome = result.outcome == STRATUM_REPAIR_DRY_RUN   ? "dryRun"
                          : result.outcome == STRATUM_REPAIR_WRITTEN ? "written"
                                                                     : "stopped";
    return Object(env)
        .set("outcome", string(env, outcome, std::char_traits<char>::length(outcome)))
        .truth("isLossless", result.is_lossless != 0)
        .truth("isUncertain", result.is_uncertain != 0)
        .u64("segments", result.segments)
        .u64("bytes", result.bytes)
        .u64("records", result.records)
        .u64("bytesLost", result.bytes_lost)
        .u64("documentsWhole", result.documents_whole)
        .u64("documentsInPart", result.documents_in_part)
        .u64("documentsOlder", result.documents_older)
        .u64("documentsLost", result.documents_lost)
        .u64("documentsDeleted", result.documents_deleted)
        .u64("inputs", result.inputs)
        .u64("outputs", result.outputs)
        .u64("nextDocument", result.next_document)
        .set("findings", findings)
        .get();
}

napi_value to_js(napi_env env, const stratum_progress &progress) {
    return Object(env)
        .u64("segmentsDone", progress.segments_done)
        .u64("segmentsTotal", progress.segments_total)
        .u64("bytesRead", progress.bytes_read)
        .u64("bytesWritten", progress.bytes_written)
        .u64("bytesReclaimed", progress.bytes_reclaimed)
        .get();
}

napi_value to_js(napi_env env, const stratum_repair_progress &progress) {
    return Object(env)
        .u64("bytesDone", progress.bytes_done)
        .u64("bytesTotal", progress.bytes_total)
        .u64("documentsDone", progress.documents_done)
        .u64("documentsTotal", progress.documents_total)
        .get();
}

}  // namespace node_stratum
