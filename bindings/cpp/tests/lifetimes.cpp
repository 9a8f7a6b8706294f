// Handles in every order: use after close, double close, moved from, forgotten, a thousand times, on many threads. It is
// compiled with and without exceptions.

#include "check.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

using stratum::Status;

stratum::Options quick() {
    return std::move(stratum::Options().durability(stratum::Durability::Os).background(false));
}

void closed_and_moved_from() {
    const Place place;
    auto db = take(stratum::Db::open(place.store(), quick()));
    const auto document = take(db.create_document("blob"));
    const auto input = take(db.append_input(document, 1));
    auto view = db.latest();
    auto snapshot = take(db.snapshot());
    auto batch = take(db.batch());
    auto cursor = take(view.documents());
    auto inputs = take(view.input_cursor(document));
    const auto pinned = take(view.blob(document));
    const auto tree = take(view.tree(document));
    CHECK(batch.set_blob(document, "x").ok());

    // Moving takes all of it along.
    stratum::Db moved = std::move(db);
    CHECK(!db && moved && db.stats().status() == Status::Closed && db.create_document().status() == Status::Closed);
    CHECK(db.close().ok() && db.latest().sequence().status() == Status::Closed);
    stratum::Snapshot other = std::move(snapshot);
    CHECK(!snapshot && snapshot.sequence().status() == Status::Closed && take(other.sequence()) == 2);
    stratum::Batch moved_batch = std::move(batch);
    CHECK(batch.commit().status() == Status::Closed && batch.size().status() == Status::Closed);
    stratum::DocumentCursor moved_cursor = std::move(cursor);
    CHECK(cursor.next().status() == Status::Closed && take(moved_cursor.next()) == document);

    CHECK(moved.close().ok() && moved.close().ok() && !moved);
    CHECK(moved.flush().status() == Status::Closed && moved.snapshot().status() == Status::Closed);
    CHECK(moved.set_output(document, input, 2).status() == Status::Closed);
    CHECK(view.blob(document).status() == Status::Closed && other.tree(document).status() == Status::Closed);
    CHECK(moved_batch.commit().status() == Status::Closed && moved_cursor.next().status() == Status::Closed);
    CHECK(inputs.next().status() == Status::Closed && inputs.fill(nullptr, 0).status() == Status::Closed);
    // What was read stays.
    CHECK(pinned->text() == "blob" && tree->inputs()[0].value().int64() == 1);

    other.free();
    other.free();
    CHECK(other.sequence().status() == Status::Closed);
    other = stratum::Snapshot();
    db = take(stratum::Db::open(place.store(), quick()));
    CHECK(take(db.latest().blob(document))->text() == "blob");
}

/// What a moved-from owner shows is nothing, also when what it once held is gone.
void moved_from_owners_show_nothing() {
    const Place place;
    auto db = take(stratum::Db::open(place.store(), quick()));
    const auto document = take(db.create_document("blob", {{"name", "Sum"}}));
    const auto input = take(db.append_input(document, "a text that is longer than any short one"));
    CHECK(db.set_output(document, input, std::vector<std::int64_t>{1, 2}).ok());
    const auto view = db.latest();
    auto value = take(view.input(document, input));
    auto columns = take(view.columns(document));
    auto inputs = take(view.inputs(document));
    auto ids = take(view.input_ids(document));
    auto tree = take(view.tree(document));
    auto pinned = take(view.packed_tree(document));
    {
        const auto to_value = std::move(value);
        const auto to_columns = std::move(columns);
        const auto to_inputs = std::move(inputs);
        auto to_ids = take(view.input_ids(document));
        to_ids = std::move(ids);
        auto to_tree = take(view.tree(document));
        to_tree = std::move(tree);
        auto to_pinned = take(view.blob(document));
        to_pinned = std::move(pinned);
        CHECK(to_value->text().size() > 20 && to_columns->find("name") && to_inputs->size() == 1);
        CHECK(to_ids->size() == 1 && to_tree->blob().text() == "blob" && to_pinned->size() > 80);
    }
    CHECK(value->is_null() && value->text().empty() && value->to_value() == stratum::Value());
    CHECK(columns->empty() && !columns->find("name") && columns.begin() == columns.end() && inputs->empty());
    CHECK(ids->empty() && pinned->empty() && !pinned.is_borrowed());
    CHECK(tree->blob().empty() && tree->columns().empty() && tree->inputs().empty() && tree->to_tree().blob.empty());
    // It can hold something again, and itself.
    value = take(view.output(document, input));
    auto &same = value;
    value = std::move(same);
    CHECK(value->int64s().size() == 2);
}

void a_moved_from_report_is_empty() {
    const Place place;
    CHECK(take(stratum::Db::open(place.store(), quick())).close().ok());
    auto report = take(stratum::repair(place.store(), {}, {0, 0, true, {}}));
    const auto moved = std::move(report);
    CHECK(moved->is_lossless == 1 && moved->struct_size > 0);
    CHECK(report->is_lossless == 0 && (*report).records == 0 && report.findings().empty());
}

void moved_from_options_do_not_open() {
    const Place place;
    auto options = quick();
    const auto moved = std::move(options);
    CHECK(stratum::Db::open(place.store(), options).status() == Status::Closed);
    CHECK(stratum::Db::open(place.store(), moved).ok());
}

/// A store that is replaced or destroyed inside its own callback is closed when the compaction is done.
void a_store_goes_inside_its_own_callback() {
    const Place place;
    const Place other;
    const auto open = [&](const Place &where) {
        auto db = take(stratum::Db::open(where.store(), quick()));
        CHECK(db.delete_document(take(db.create_document(std::string(5000, 'x')))).ok());
        return db;
    };
    auto db = open(place);
    int calls = 0;
    CHECK(db.compact_now([&](const stratum::Progress &) {
                if (calls++ == 0) {
                    const auto view = db.latest();
                    CHECK(db.close().status() == Status::Busy && db);
                    db = stratum::Db();
                    CHECK(!db && db.flush().status() == Status::Closed && view.sequence().ok());
                    CHECK(stratum::Db::open(place.store()).status() == Status::Locked);
                }
                return true;
            }).ok());
    CHECK(calls > 0);

    // Another store takes its place, which is left alone.
    db = open(place);
    calls = 0;
    CHECK(db.compact_now([&](const stratum::Progress &) {
                if (calls++ == 0) {
                    db = open(other);
                }
                return true;
            }).ok());
    CHECK(db && db.create_document("x").ok() && db.close().ok());

    // Destroyed in the callback of another one's, inside of its own.
    auto owned = std::make_unique<stratum::Db>(open(place));
    auto inner = open(other);
    CHECK(owned->compact_now([&](const stratum::Progress &) {
                   CHECK(inner.compact_now([&](const stratum::Progress &) {
                                  owned.reset();
                                  return false;
                              }).ok());
                   return false;
               }).ok());
    CHECK(!owned && inner.create_document("x").ok());
    CHECK(stratum::Db::open(place.store(), quick()).ok());
}

/// Store, view, batch, cursor and bytes go in every order.
void destructors_in_any_order() {
    const Place place;
    int order[] = {0, 1, 2, 3, 4};
    do {
        auto db = std::make_unique<stratum::Db>(take(stratum::Db::open(place.store(), quick())));
        const auto document = take(db->create_document("blob"));
        auto snapshot = std::make_unique<stratum::Snapshot>(take(db->snapshot()));
        auto batch = std::make_unique<stratum::Batch>(take(db->batch()));
        CHECK(batch->delete_document(document).ok());
        auto cursor = std::make_unique<stratum::InputCursor>(take(snapshot->input_cursor(document)));
        auto pinned = std::make_unique<stratum::Pinned>(take(snapshot->blob(document)));
        for (const int which : order) {
            if (which == 0) db.reset();
            if (which == 1) snapshot.reset();
            if (which == 2) batch.reset();
            if (which == 3) cursor.reset();
            if (which == 4) pinned.reset();
            CHECK(which == 4 || !pinned || (*pinned)->text() == "blob");
        }
    } while (std::next_permutation(std::begin(order), std::end(order)));
}

std::size_t open_files() {
    std::size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

/// Pages of memory that the process has.
long resident() {
    long total = 0;
    long pages = 0;
    std::FILE *file = std::fopen("/proc/self/statm", "r");
    CHECK(file != nullptr && std::fscanf(file, "%ld %ld", &total, &pages) == 2);
    std::fclose(file);
    return pages;
}

void a_thousand_times() {
    const Place place;
    const std::size_t files = open_files();
    long before = 0;
    for (int cycle = 0; cycle < 1000; ++cycle) {
        auto db = take(stratum::Db::open(place.store(), quick()));
        CHECK(db.create_document("blob").ok());
        auto forgotten = take(db.snapshot());
        auto batch = take(db.batch());
        CHECK(batch.create_document("lost").ok());
        if (cycle % 2 == 0) {
            CHECK(db.close().ok());
        }
        if (cycle == 200) {
            before = resident();
        }
    }
    CHECK(open_files() == files);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // What is live is some hundred bytes a document; a leak of a store in each cycle would be far more than this.
    CHECK(resident() - before < 4096);
#else
    (void)before;
#endif
    auto db = take(stratum::Db::open(place.store(), quick()));
    CHECK(take(db.latest().document_count()) == 1000);
}

/// Writers, readers and a compactor on one store, which is closed under them.
void threads_on_one_store() {
    const Place place;
    auto db = take(stratum::Db::open(place.store(), stratum::Options().segment_size(65536).durability(
                                                        stratum::Durability::Os)));
    const auto document = take(db.create_document("0"));
    std::atomic<int> written{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 3; ++writer) {
        threads.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                const auto made = db.write([&](stratum::Batch &batch) -> stratum::Result<void> {
                    const auto id = take(batch.create_document(std::string(100, 'x'), {{"round", round}}));
                    take(batch.append_input(id, round));
                    return batch.set_blob(document, "1");
                });
                CHECK(made.ok());
                ++written;
            }
        });
    }
    for (int reader = 0; reader < 2; ++reader) {
        threads.emplace_back([&] {
            while (!stop) {
                const auto snapshot = take(db.snapshot());
                std::uint64_t seen = 0;
                auto cursor = take(snapshot.documents());
                for (auto next = take(cursor.next()); next; next = take(cursor.next())) {
                    CHECK(*next == document || take(snapshot.input_count(*next)) == 1);
                    ++seen;
                }
                CHECK(seen == take(snapshot.document_count()));
            }
        });
    }
    for (int writer = 0; writer < 3; ++writer) {
        threads[static_cast<std::size_t>(writer)].join();
    }
    CHECK(db.compact_now().ok());
    stop = true;
    threads[3].join();
    threads[4].join();
    CHECK(written == 600 && take(db.latest().document_count()) == 601);
    CHECK(take(db.verify()).damage.empty());

    // Readers that are under way when the store is closed get an answer each, and Closed from then on.
    const stratum::View view = db.latest();
    std::vector<std::thread> late;
    for (int reader = 0; reader < 3; ++reader) {
        late.emplace_back([&] {
            for (;;) {
                const auto blob = view.blob(document);
                if (!blob) {
                    CHECK(blob.status() == Status::Closed);
                    return;
                }
                CHECK((*blob)->text() == "1");
            }
        });
    }
    CHECK(db.close().ok());
    for (std::thread &thread : late) {
        thread.join();
    }
}

} // namespace

int main() {
    closed_and_moved_from();
    moved_from_owners_show_nothing();
    a_moved_from_report_is_empty();
    moved_from_options_do_not_open();
    a_store_goes_inside_its_own_callback();
    destructors_in_any_order();
    a_thousand_times();
    threads_on_one_store();
    std::puts("lifetimes: ok");
}
