// Calls that may wait for the disk or take long: each either at once, or on a thread of libuv's pool with a promise.
//
// 1. A Task is the same for both; its last JavaScript argument says which.
// 2. `run` sees no JavaScript; all that it needs was copied, or is kept alive by a reference of the Task.
// 3. Progress of a promise is handed over without waiting, so that the JavaScript thread may close the store meanwhile.
//    It is stopped by a flag that JavaScript sets.

#include <functional>
#include <memory>
#include <utility>

#include "addon.hpp"

namespace node_stratum {

namespace {

struct Task {
    napi_env env = nullptr;
    std::function<std::int32_t(stratum_error **)> run;
    /// On the JavaScript thread, after success.
    std::function<napi_value(napi_env)> done;
    std::int32_t status = STRATUM_OK;
    stratum_error *error = nullptr;
    /// -1, or how many rows were applied.
    double applied = -1;
    /// Keep handles and the flag from the garbage collector until the promise is settled.
    std::vector<napi_ref> kept;
    napi_async_work work = nullptr;
    napi_deferred deferred = nullptr;
    /// Where progress goes: at once to `progress`, or from another thread through `reports`.
    napi_value progress = nullptr;
    napi_threadsafe_function reports = nullptr;
    const std::int32_t *stop = nullptr;

    Task(napi_env env) : env(env) {}
    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;
    ~Task() {
        for (napi_ref reference : kept) {
            napi_delete_reference(env, reference);
        }
        stratum_error_free(&error);
    }
};

bool keep(Task *task, napi_value value) {
    napi_ref reference;
    if (napi_create_reference(task->env, value, 1, &reference) != napi_ok) {
        raise(task->env);
        return false;
    }
    task->kept.push_back(reference);
    return true;
}

void execute(napi_env, void *data) {
    auto *task = static_cast<Task *>(data);
    task->status = task->run(&task->error);
}

/// Keeps the promise.
void settle(napi_env env, std::unique_ptr<Task> task) {
    napi_value value = nullptr;
    if (task->status == STRATUM_OK) {
        value = task->done(env);
        if (value != nullptr) {
            napi_resolve_deferred(env, task->deferred, value);
            return;
        }
    } else {
        value = error_value(env, task->status, std::exchange(task->error, nullptr), task->applied);
    }
    if (value == nullptr) {
        napi_get_and_clear_last_exception(env, &value);
    }
    napi_reject_deferred(env, task->deferred, value);
}

void complete(napi_env env, napi_status state, void *data) {
    std::unique_ptr<Task> task(static_cast<Task *>(data));
    napi_delete_async_work(env, task->work);
    if (state == napi_cancelled) {
        return;  // The environment ends: nobody is left to be told.
    }
    if (task->reports == nullptr) {
        settle(env, std::move(task));
    } else if (napi_call_threadsafe_function(task->reports, nullptr, napi_tsfn_nonblocking) == napi_ok) {
        task.release();  // Behind the progress that is still on its way.
    }
}

/// Runs it at once, or begins it and gives a promise.
napi_value start(std::unique_ptr<Task> task, bool promise) {
    napi_env env = task->env;
    if (!promise) {
        task->status = task->run(&task->error);
        bool pending = false;
        napi_is_exception_pending(env, &pending);
        if (pending) {
            return nullptr;
        }
        return task->status == STRATUM_OK
                   ? task->done(env)
                   : raise(env, task->status, std::exchange(task->error, nullptr), -1, task->applied);
    }
    napi_value name, made;
    if (napi_create_string_utf8(env, "stratum", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_promise(env, &task->deferred, &made) != napi_ok ||
        napi_create_async_work(env, nullptr, name, execute, complete, task.get(), &task->work) != napi_ok ||
        napi_queue_async_work(env, task->work) != napi_ok) {
        return raise(env);
    }
    task.release();
    return made;
}

/// A call on a store that gives nothing.
template <std::int32_t (*Call)(const stratum_db *, stratum_error **)>
napi_value on_store(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    auto task = std::make_unique<Task>(env);
    if (db == nullptr || !keep(task.get(), args[0])) {
        return nullptr;
    }
    task->run = [db](stratum_error **error) { return Call(db, error); };
    task->done = undefined;
    return start(std::move(task), args.truth(1));
}

// open(path, [name, value, ...], promise): the path as bytes, options as text.
napi_value open(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    std::uint8_t *path = nullptr;
    std::size_t length = 0;
    std::uint32_t count = 0;
    if (!args.bytes(0, &path, &length) || napi_get_array_length(env, args[1], &count) != napi_ok) {
        return raise(env);
    }
    std::vector<std::string> words(count);
    for (std::uint32_t at = 0; at < count; ++at) {
        napi_value word;
        std::size_t size = 0;
        if (napi_get_element(env, args[1], at, &word) != napi_ok ||
            napi_get_value_string_utf8(env, word, nullptr, 0, &size) != napi_ok) {
            return raise(env);
        }
        words[at].resize(size);
        napi_get_value_string_utf8(env, word, &words[at][0], size + 1, &size);
    }
    auto task = std::make_unique<Task>(env);
    auto db = std::make_shared<stratum_db *>(nullptr);
    const std::string copy(reinterpret_cast<const char *>(path), length);
    task->run = [words, copy, db](stratum_error **error) {
        stratum_options *options = nullptr;
        std::int32_t status = stratum_options_create(&options, error);
        for (std::size_t at = 0; status == STRATUM_OK && at + 1 < words.size(); at += 2) {
            status = stratum_options_set(options, words[at].data(), words[at].size(), words[at + 1].data(),
                                         words[at + 1].size(), error);
        }
        if (status == STRATUM_OK) {
            status = stratum_db_open(copy.data(), copy.size(), options, db.get(), error);
        }
        stratum_options_free(&options);
        return status;
    };
    task->done = [db](napi_env env) { return wrap(env, Kind::Db, *db); };
    return start(std::move(task), args.truth(2));
}

// close(db, promise): closing what is closed already is no error.
napi_value close(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    Handle *handle = args.handle(0, Kind::Db);
    auto task = std::make_unique<Task>(env);
    if (handle == nullptr || !keep(task.get(), args[0])) {
        return nullptr;
    }
    if (handle->owned) {
        auto *db = static_cast<stratum_db *>(handle->pointer);
        task->run = [db](stratum_error **error) {
            stratum_db *copy = db;
            const std::int32_t status = stratum_db_close(&copy, error);
            if (status == STRATUM_CLOSED) {
                stratum_error_free(error);
                return STRATUM_OK;
            }
            return status;
        };
    } else {
        task->run = [](stratum_error **) { return STRATUM_OK; };
    }
    task->done = undefined;
    return start(std::move(task), args.truth(1));
}

napi_value verify(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    auto task = std::make_unique<Task>(env);
    if (db == nullptr || !keep(task.get(), args[0])) {
        return nullptr;
    }
    auto report = std::shared_ptr<stratum_report *>(new stratum_report *(nullptr), [](stratum_report **report) {
        stratum_report_free(report);
        delete report;
    });
    task->run = [db, report](stratum_error **error) { return stratum_db_verify(db, report.get(), error); };
    task->done = [report](napi_env env) { return to_js(env, *stratum_report_get(*report)); };
    return start(std::move(task), args.truth(1));
}

/// A progress callback of stratum.h.
template <class Progress>
std::int32_t report(const Progress *progress, void *context) {
    auto *task = static_cast<Task *>(context);
    if (task->reports != nullptr) {
        auto copy = std::make_unique<Progress>(*progress);
        if (napi_call_threadsafe_function(task->reports, copy.get(), napi_tsfn_nonblocking) == napi_ok) {
            copy.release();
        }
    } else if (task->progress != nullptr) {
        napi_value self, figures, answer;
        napi_handle_scope scope;
        if (napi_open_handle_scope(task->env, &scope) != napi_ok) {
            return 0;
        }
        figures = to_js(task->env, *progress);
        const bool called = figures != nullptr && napi_get_undefined(task->env, &self) == napi_ok &&
                            napi_call_function(task->env, self, task->progress, 1, &figures, &answer) == napi_ok;
        napi_close_handle_scope(task->env, scope);
        if (!called) {
            return 0;
        }
    }
    return task->stop == nullptr || __atomic_load_n(task->stop, __ATOMIC_ACQUIRE) == 0 ? 1 : 0;
}

/// Progress that arrives at the JavaScript thread, and behind it, as a nullptr, the end. Without an environment there is
/// only to be freed.
template <class Progress>
void arrive(napi_env env, napi_value function, void *context, void *data) {
    if (data == nullptr) {
        std::unique_ptr<Task> task(static_cast<Task *>(context));
        napi_release_threadsafe_function(task->reports, napi_tsfn_release);
        if (env != nullptr) {
            settle(env, std::move(task));
        }
        return;
    }
    std::unique_ptr<Progress> progress(static_cast<Progress *>(data));
    napi_value self, figures, answer;
    if (env != nullptr && (figures = to_js(env, *progress)) != nullptr && napi_get_undefined(env, &self) == napi_ok) {
        napi_call_function(env, self, function, 1, &figures, &answer);
    }
}

/// Takes (..., flag, progress or undefined, promise) from the argument `at` on.
template <class Progress>
bool take_progress(Task *task, const Args &args, std::size_t at) {
    napi_typedarray_type type;
    std::size_t length = 0;
    void *flag = nullptr;
    if (napi_get_typedarray_info(task->env, args[at], &type, &length, &flag, nullptr, nullptr) != napi_ok ||
        type != napi_int32_array || length != 1 || !keep(task, args[at])) {
        raise(task->env);
        return false;
    }
    task->stop = static_cast<const std::int32_t *>(flag);
    if (!args.is_function(at + 1)) {
        return true;
    }
    if (!args.truth(at + 2)) {
        task->progress = args[at + 1];
        return true;
    }
    napi_value name;
    if (napi_create_string_utf8(task->env, "stratum progress", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(task->env, args[at + 1], nullptr, name, 0, 1, nullptr, nullptr, task,
                                        arrive<Progress>, &task->reports) != napi_ok) {
        raise(task->env);
        return false;
    }
    return true;
}

// compact(db, flag, progress, promise)
napi_value compact(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    auto task = std::make_unique<Task>(env);
    Task *context = task.get();
    if (db == nullptr || !keep(context, args[0]) || !take_progress<stratum_progress>(context, args, 1)) {
        return nullptr;
    }
    task->run = [db, context](stratum_error **error) {
        return stratum_db_compact_now(db, report<stratum_progress>, context, error);
    };
    task->done = undefined;
    return start(std::move(task), args.truth(3));
}

// repair(source, target, segmentSize, mergeLimit, dryRun, flag, progress, promise)
napi_value repair(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    std::uint8_t *source = nullptr, *target = nullptr;
    std::size_t source_length = 0, target_length = 0;
    stratum_repair_options options{};
    options.struct_size = sizeof options;
    auto task = std::make_unique<Task>(env);
    if (!args.bytes(0, &source, &source_length) || !args.bytes(1, &target, &target_length) ||
        !args.u64(2, &options.segment_size) || !args.u64(3, &options.merge_limit) ||
        !take_progress<stratum_repair_progress>(task.get(), args, 5)) {
        return nullptr;
    }
    options.dry_run = args.truth(4) ? 1 : 0;
    options.progress = report<stratum_repair_progress>;
    options.context = task.get();
    auto made = std::shared_ptr<stratum_repair_report *>(new stratum_repair_report *(nullptr),
                                                         [](stratum_repair_report **report) {
                                                             stratum_repair_report_free(report);
                                                             delete report;
                                                         });
    const std::string from(reinterpret_cast<const char *>(source), source_length);
    const std::string to(reinterpret_cast<const char *>(target), target_length);
    task->run = [from, to, options, made](stratum_error **error) {
        return stratum_repair(from.data(), from.size(), to.data(), to.size(), &options, made.get(), error);
    };
    task->done = [made](napi_env env) { return to_js(env, *stratum_repair_report_get(*made)); };
    return start(std::move(task), args.truth(7));
}

// commit(batch, durability, promise): gives the sequence number.
napi_value commit(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    auto *batch = args.pointer<stratum_batch>(0, Kind::Batch);
    stratum_commit_options options{};
    options.struct_size = sizeof options;
    auto task = std::make_unique<Task>(env);
    if (batch == nullptr || napi_get_value_int32(env, args[1], &options.durability) != napi_ok ||
        !keep(task.get(), args[0])) {
        return raise(env);
    }
    auto sequence = std::make_shared<std::uint64_t>(0);
    task->run = [batch, options, sequence](stratum_error **error) {
        stratum_batch *copy = batch;
        return stratum_batch_commit(&copy, &options, sequence.get(), error);
    };
    task->done = [sequence](napi_env env) { return number(env, *sequence); };
    return start(std::move(task), args.truth(2));
}

// apply(db, rows, count, promise): the ids that the rows make.
napi_value apply(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    std::uint8_t *rows = nullptr;
    std::size_t length = 0;
    std::uint64_t count = 0;
    auto task = std::make_unique<Task>(env);
    if (db == nullptr || !args.bytes(1, &rows, &length) || !args.u64(2, &count) || !keep(task.get(), args[0])) {
        return nullptr;
    }
    const bool promise = args.truth(3);
    // Rows that another thread reads are copied; the numbers keep what they are made of aligned.
    auto copy = std::make_shared<std::vector<std::uint64_t>>();
    if (promise) {
        copy->resize(length / 8 + 1);
        std::copy(rows, rows + length, reinterpret_cast<std::uint8_t *>(copy->data()));
        rows = reinterpret_cast<std::uint8_t *>(copy->data());
    }
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(count));
    Task *context = task.get();
    task->run = [db, rows, length, copy, ids, context](stratum_error **error) {
        std::size_t applied = 0;
        const std::int32_t status =
            stratum_db_apply_packed(db, rows, length, ids->data(), ids->size(), &applied, error);
        context->applied = static_cast<double>(applied);
        return status;
    };
    task->done = [ids](napi_env env) { return copied_ids(env, ids->data(), ids->size()); };
    return start(std::move(task), promise);
}

napi_value stats(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    stratum_stats stats{};
    stats.struct_size = sizeof stats;
    stratum_error *error = nullptr;
    if (db == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_db_stats(db, &stats, &error);
    return status == STRATUM_OK ? to_js(env, stats) : raise(env, status, error);
}

napi_value snapshot(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    stratum_view *view = nullptr;
    stratum_error *error = nullptr;
    if (db == nullptr) {
        return nullptr;
    }
    const std::int32_t status = stratum_db_snapshot(db, &view, &error);
    return status == STRATUM_OK ? wrap(env, Kind::View, view) : raise(env, status, error);
}

napi_value latest(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    if (db == nullptr) {
        return nullptr;
    }
    const stratum_view *view = stratum_db_latest(db);
    return view == nullptr ? raise(env, STRATUM_CLOSED, "the store is closed") : wrap(env, Kind::View, view, false);
}

// share(db): a number that attach() of another thread takes.
napi_value share(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    const auto *db = args.pointer<stratum_db>(0, Kind::Db);
    return db == nullptr ? nullptr : number(env, reinterpret_cast<std::uintptr_t>(db));
}

// attach(number): a store that another thread has open. What is no store, or is none any more, is a status.
napi_value attach(napi_env env, napi_callback_info info) {
    const Args args(env, info);
    std::uint64_t token = 0;
    if (!args.u64(0, &token)) {
        return nullptr;
    }
    const auto *db = reinterpret_cast<const stratum_db *>(static_cast<std::uintptr_t>(token));
    stratum_stats stats{};
    stats.struct_size = sizeof stats;
    stratum_error *error = nullptr;
    const std::int32_t status = stratum_db_stats(db, &stats, &error);
    return status == STRATUM_OK ? wrap(env, Kind::Db, db, false) : raise(env, status, error);
}

}  // namespace

void add_tasks(std::vector<Export> *exports) {
    const std::vector<Export> ours{
        {"open", open},         {"close", close},     {"flush", on_store<stratum_db_flush>},
        {"verify", verify},     {"compact", compact}, {"checkpoint", on_store<stratum_db_checkpoint>},
        {"repair", repair},     {"commit", commit},   {"apply", apply},
        {"stats", stats},       {"latest", latest},   {"snapshot", snapshot},
        {"share", share},       {"attach", attach},
    };
    exports->insert(exports->end(), ours.begin(), ours.end());
}

}  // namespace node_stratum
