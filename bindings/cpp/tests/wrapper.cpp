// The wrapper with exceptions: values, errors, views, cursors, callbacks. What the calls do is the conformance suite's.

#include "check.hpp"

#include <array>
#include <limits>
#include <stdexcept>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

using stratum::Status;
using stratum::Value;

void values_are_what_they_were_made_from() {
    CHECK(Value(true).kind() == stratum::Kind::Bool);
    CHECK(Value(1).kind() == stratum::Kind::Int64 && Value(1u).kind() == stratum::Kind::Int64);
    CHECK(Value('a').kind() == stratum::Kind::Int64);
    CHECK(Value(1.0f).kind() == stratum::Kind::Double);
    CHECK(Value("text").kind() == stratum::Kind::String);
    CHECK(Value(nullptr).kind() == stratum::Kind::Null && Value().kind() == stratum::Kind::Null);
    CHECK(Value(1) != Value(1.0) && Value(std::vector<std::int64_t>{}) != Value(stratum::List{}));
    CHECK(Value(0.0) != Value(-0.0));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(Value(nan) == Value(nan) && Value(std::vector<double>{nan}) == Value(std::vector<double>{nan}));
    // A 64-bit unsigned integer does not fit, and a pointer is no bool.
    static_assert(!std::is_constructible_v<Value, std::uint64_t>);
    static_assert(!std::is_constructible_v<Value, int *>);
}

void values_come_back() {
    const Place place;
    auto db = stratum::Db::open(place.store(), stratum::Options().durability(stratum::Durability::Os)).value();
    const auto document = db.create_document().value();
    const stratum::List all{
        nullptr, true, 7, -0.0, stratum::Decimal{"1.50"}, std::string("a\0b", 3), stratum::Bytes{{0, 255}},
        std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()}, std::vector<double>{-0.0},
        std::vector<std::string>{"", "x"}, stratum::StringMap{{{"k", "v"}, {"", ""}}},
        stratum::Map{{"z", 1}, {"a", stratum::List{}}}};
    db.append_input(document, all).value();
    CHECK(db.latest().input(document, 1).value()->to_value() == Value(all));
    // A view of what was read goes back in as it is.
    const auto read = db.latest().input(document, 1).value();
    db.set_output(document, 1, *read).value();
    CHECK(db.latest().output(document, 1).value()->to_value() == Value(all));
    for (const Value &value : all) {
        db.set_column(document, "c", value).value();
        CHECK(db.latest().column(document, "c").value()->to_value() == value);
    }
    // Deeper than the library takes, and not so deep that taking it apart is a matter of stack.
    Value deep = nullptr;
    for (int level = 0; level < 1000; ++level) {
        stratum::List around;
        around.push_back(std::move(deep));
        deep = std::move(around);
    }
    CHECK(db.append_input(document, deep).status() == Status::InvalidArgument);
}

void bytes_come_from_anywhere() {
    const Place place;
    auto db = stratum::Db::open(place.store(), stratum::Options().durability(stratum::Durability::Os)).value();
    const auto blob = [&](stratum::BytesView bytes) {
        const auto document = db.create_document(bytes).value();
        return std::string(db.latest().blob(document).value()->text());
    };
    CHECK(blob({}).empty() && blob("ab") == "ab" && blob(std::string("a\0b", 3)) == std::string("a\0b", 3));
    CHECK(blob(std::string_view("cd")) == "cd" && blob(std::vector<std::uint8_t>{65, 66}) == "AB");
    CHECK(blob(std::array<std::byte, 2>{std::byte{67}, std::byte{68}}) == "CD" && blob({"efg", 2}) == "ef");
#if __cplusplus >= 202002L
    const std::vector<char> many{'x', 'y'};
    CHECK(blob(std::span<const char>(many)) == "xy");
#endif
}

void errors_are_thrown_by_value_only() {
    const Place place;
    auto refused = stratum::Db::open(place.store(), stratum::Options().create(false));
    CHECK(!refused && refused.status() == Status::OpenRefused && refused.error() != nullptr);
    bool caught = false;
    try {
        refused.value();
    } catch (const stratum::Error &error) {
        caught = error.status() == Status::OpenRefused && std::string(error.what()).size() > 20;
    }
    CHECK(caught);
    auto db = stratum::Db::open(place.store()).value();
    const auto missing = db.latest().blob(7);
    CHECK(missing.status() == Status::NotFound && std::string(missing.error()->what()) == "STRATUM_NOT_FOUND");
    caught = false;
    try {
        (void)missing->is_borrowed();
    } catch (const stratum::Error &) {
        caught = true;
    }
    CHECK(caught);
    CHECK(stratum::Db::open(place.store()).status() == Status::Locked);
    // The first setter that is refused is what open says.
    const auto options = stratum::Db::open(place.store(), stratum::Options().set("nothing", "1").create(true));
    CHECK(options.status() == Status::InvalidArgument);
    CHECK(std::string(options.error()->what()).find("nothing") != std::string::npos);
    CHECK(std::string(stratum::version()) == "0.1.0" && std::string(stratum::name(Status::End)) == "STRATUM_END");
}

void compaction_compresses() {
    std::string blob;
    while (blob.size() < 30000) {
        blob += "the same words again and again ";
    }
    for (const auto codec : {stratum::Compression::None, stratum::Compression::Lz4, stratum::Compression::Zstd}) {
        const Place place;
        auto db = stratum::Db::open(place.store(), stratum::Options().compression(codec).background(false)).value();
        const auto document = db.create_document(blob).value();
        CHECK(db.compact_now());
        CHECK((db.stats()->total_bytes < blob.size()) == (codec != stratum::Compression::None));
        CHECK(db.latest().blob(document).value()->text() == blob);
    }
    const Place place;
    stratum::Options options;
    options.compression(static_cast<stratum::Compression>(3));
    CHECK(stratum::Db::open(place.store(), options).status() == Status::InvalidArgument);
}

void compaction_is_throttled() {
    const std::string blob(60000, 'b');
    for (const std::uint64_t limit : {0, 100000}) {
        const Place place;
        stratum::Options options;
        options.compaction_bytes_per_second(limit).background(false);
        auto db = stratum::Db::open(place.store(), options).value();
        const auto gone = db.create_document(blob).value();
        const auto stays = db.create_document(blob).value();
        CHECK(db.delete_document(gone) && db.compact_now());
        CHECK((db.stats()->compaction_throttled_us > 0) == (limit > 0));
        CHECK(db.latest().blob(stays).value()->text() == blob);
    }
}

void columns_trees_and_cursors() {
    const Place place;
    auto db = stratum::Db::open(place.store(), stratum::Options().durability(stratum::Durability::Os)).value();
    stratum::Tree tree{"blob", {{"name", "Sum"}, {"limit", 3}}, {}};
    tree.inputs.push_back({"2 3", {{"points", 5}}, Value(5), 0});
    tree.inputs.push_back({"4 5"});
    const auto ids = db.put_tree(tree).value();
    CHECK(ids.document == 1 && ids.first_input == 1 && ids.input_count == 2);
    const auto read = db.latest().tree(ids.document).value();
    CHECK(read->blob().text() == "blob" && read->columns().size() == 2);
    CHECK(read->columns()[0].name() == "limit" && read->columns().find("name")->text() == "Sum");
    CHECK(!read->columns().find("nam") && read->inputs()[0].output()->int64() == 5 && !read->inputs()[1].output());
    CHECK(read->inputs()[0].columns().find("points")->int64() == 5);
    CHECK(!read->inputs()[0].value().int64() && read->inputs()[0].value().int64s().empty());
    // What was read goes into another document as it is, and so does its packed form.
    const auto copy = db.put_tree(*read).value();
    const auto packed = db.latest().packed_tree(ids.document).value();
    CHECK(reinterpret_cast<std::uintptr_t>(packed->data()) % 8 == 0);
    const auto other = db.put_packed(*packed).value();
    for (const auto document : {copy.document, other.document}) {
        const stratum::Tree again = db.latest().tree(document).value()->to_tree();
        CHECK(again.blob == tree.blob && again.inputs.size() == 2 && again.inputs[0].value == Value("2 3"));
        CHECK(again.inputs[0].columns == tree.inputs[0].columns && again.columns.size() == 2);
    }
    std::vector<stratum::DocumentId> documents;
    auto cursor = db.latest().documents().value();
    for (const stratum::DocumentId document : cursor) {
        documents.push_back(document);
    }
    CHECK((documents == std::vector<stratum::DocumentId>{1, 2, 3}));
    std::string inputs;
    auto input_cursor = db.latest().input_cursor(ids.document).value();
    for (const stratum::InputView input : input_cursor) {
        inputs += std::to_string(input.id()) + std::string(input.value().text()) + ';';
    }
    CHECK(inputs == "12 3;24 5;");
    auto fill = db.latest().input_cursor(ids.document).value();
    std::size_t needed = 0;
    CHECK(fill.fill(nullptr, 0, &needed).status() == Status::BufferTooSmall && needed > 24);
    std::vector<std::uint64_t> rows(100);
    CHECK(fill.fill(rows.data(), 800).value() > needed && fill.fill(rows.data(), 800).value() == 0);
    // A cursor over a store that was closed meanwhile throws.
    auto closed = db.latest().documents().value();
    db.close().value();
    bool caught = false;
    try {
        for (const stratum::DocumentId document : closed) {
            (void)document;
        }
    } catch (const stratum::Error &error) {
        caught = error.status() == Status::Closed;
    }
    CHECK(caught && closed.status().status() == Status::Closed);
}

void write_commits_or_not() {
    const Place place;
    auto db = stratum::Db::open(place.store()).value();
    const auto document = db.write([](stratum::Batch &batch) { return batch.create_document("kept"); }).value();
    const auto failed = db.write([&](stratum::Batch &batch) -> stratum::Result<void> {
        batch.set_blob(document, "lost").value();
        return batch.delete_document(99);
    });
    CHECK(failed.status() == Status::NotFound && db.latest().blob(document).value()->text() == "kept");
    CHECK(db.write([](stratum::Batch &) { return stratum::Result<int>(3); }, stratum::Durability::Os).value() == 3);
    // What throws on its way commits nothing.
    bool caught = false;
    try {
        (void)db.write([&](stratum::Batch &batch) -> stratum::Result<void> {
            batch.delete_document(document).value();
            throw std::runtime_error("no");
        });
    } catch (const std::runtime_error &) {
        caught = true;
    }
    CHECK(caught && db.latest().exists(document).value());
    CHECK(db.stats().value().documents == 1 && db.verify().value().documents == 1 && db.verify().value().damage.empty());
}

void compaction_tells_and_asks() {
    const Place place;
    stratum::Options options;
    options.background(false).segment_size(4096).durability(stratum::Durability::Os);
    auto db = stratum::Db::open(place.store(), options).value();
    const auto fill = [&] {
        for (int round = 0; round < 200; ++round) {
            const auto document = db.create_document(std::string(500, 'x')).value();
            db.delete_document(document).value();
        }
    };
    fill();
    int calls = 0;
    Status inside = Status::Ok;
    db.compact_now([&](const stratum::Progress &progress) {
        ++calls;
        CHECK(progress.segments_done <= progress.segments_total && db.latest().document_count().value() == 0);
        inside = db.flush().status();
        return true;
    }).value();
    CHECK(calls > 0 && inside == Status::Busy);
    fill();
    calls = 0;
    db.compact_now([&](const stratum::Progress &) {
        ++calls;
        return false;
    }).value();
    CHECK(calls == 1);
    bool caught = false;
    try {
        (void)db.compact_now([](const stratum::Progress &) -> bool { throw std::runtime_error("stop"); });
    } catch (const std::runtime_error &) {
        caught = true;
    }
    CHECK(caught);
    db.compact_now().value();
    CHECK(db.verify().value().damage.empty());
}

void repair_saves_what_is_left() {
    const Place place;
    const std::string saved = place.store() + "-saved";
    {
        auto db = stratum::Db::open(place.store(), stratum::Options().background(false)).value();
        db.create_document(std::string(64, 'a')).value();
        db.create_document(std::string(64, 'b')).value();
        CHECK(stratum::repair(place.store(), saved).status() == Status::Locked);
        db.close().value();
    }
    CHECK(stratum::repair(place.store(), saved + "-none", {0, 0, true, {}}).value()->is_lossless == 1);
    CHECK(!std::filesystem::exists(saved + "-none"));
    std::FILE *file = std::fopen((place.store() + "/segment-00000001.strat").c_str(), "r+b");
    CHECK(file != nullptr && std::fseek(file, 300, SEEK_SET) == 0 && std::fputc('?', file) == '?');
    std::fclose(file);
    bool caught = false;
    int calls = 0;
    try {
        stratum::RepairOptions options;
        options.progress = [&](const stratum::RepairProgress &) -> bool {
            ++calls;
            throw std::runtime_error("stop");
        };
        (void)stratum::repair(place.store(), saved, options);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    CHECK(caught && calls == 1);
    const auto report = stratum::repair(place.store(), saved).value();
    CHECK(report->is_lossless == 0 && report->documents_whole == 1 && !report.findings().empty());
    for (const stratum::Finding &finding : report.findings()) {
        CHECK(!stratum::RepairReport::line(finding).empty());
    }
    auto db = stratum::Db::open(saved, stratum::Options().create(false)).value();
    CHECK(db.latest().blob(2).value()->text() == std::string(64, 'b') && db.verify().value().damage.empty());
    db.close().value();
}

} // namespace

int main() {
    values_are_what_they_were_made_from();
    values_come_back();
    bytes_come_from_anywhere();
    errors_are_thrown_by_value_only();
    compaction_compresses();
    compaction_is_throttled();
    columns_trees_and_cursors();
    write_commits_or_not();
    compaction_tells_and_asks();
    repair_saves_what_is_left();
    std::puts("wrapper: ok");
}
