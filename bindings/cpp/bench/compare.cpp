// stratum.hpp beside SQLite's C API: the same trees, the same questions, in one run.
//
//     bindings/cpp/bench/run.sh [TREES [ROUNDS]]
//
// A tree is a problem: 2 KB of statement, 4 columns, 20 tests of a name, an input and an answer, of several types. SQLite keeps a row
// for the problem and one for each test, lists of numbers as blobs, which is the least that it can be asked to do.
//
// 1. Each figure is the best of several rounds, in which the two take turns.
// 2. Both give back what was written, which is compared before anything is measured.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include <sqlite3.h>
#include <stratum/stratum.hpp>

namespace {

constexpr std::int64_t tests = 20;
constexpr std::size_t at_once = 100;

stratum::Tree make(std::int64_t number) {
    stratum::Tree tree;
    for (int at = 0; at < 120; ++at) {
        tree.blob += "<p>Statement</p>\n";
    }
    tree.columns = {{"name", "Problem " + std::to_string(number)}, {"level", number % 7}, {"limit", 2.5},
                    {"tags", std::vector<std::string>{"dp", "graphs", "strings"}}};
    for (std::int64_t test = 0; test < tests; ++test) {
        stratum::Value input = std::vector<std::int64_t>{number, test, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        if (test % 2 == 0) {
            input = std::to_string(number) + " 1 2 3 4 5 6 7 8 9 10\n1 2 3 4 5 6 7 8 9 10\n1 2 3 4 5 6 7 8 9 10\n";
        }
        stratum::Value output = number * test;
        if (test % 3 == 0) {
            output = "answer " + std::to_string(number * test) + "\n";
        }
        tree.inputs.push_back({input, {{"name", "secret/" + std::to_string(100 + test)}}, output});
    }
    return tree;
}

/// What is measured: a sum over what was read, so that nothing is left out and both can be compared.
struct Contestant {
    virtual ~Contestant() = default;
    virtual void write(const std::vector<stratum::Tree> &trees, std::int64_t first) = 0;
    virtual std::size_t tree(std::int64_t id) = 0;
    virtual std::size_t output(std::int64_t id) = 0;
    virtual std::size_t column(std::int64_t id) = 0;
    virtual std::size_t blob(std::int64_t id) = 0;
    virtual bool exists(std::int64_t id) = 0;
};

std::size_t size_of(stratum::ValueView value) {
    switch (value.kind()) {
    case stratum::Kind::Int64: return static_cast<std::size_t>(*value.int64());
    case stratum::Kind::Int64List: return value.int64s().size() * 8;
    default: return value.text().size();
    }
}

struct Stratum : Contestant {
    stratum::Db db;
    stratum::Durability durability;

    Stratum(const std::string &place, bool durable)
        : db(stratum::Db::open(place).value()),
          durability(durable ? stratum::Durability::Always : stratum::Durability::Os) {}

    void write(const std::vector<stratum::Tree> &trees, std::int64_t) override {
        stratum::Batch batch = db.batch().value();
        for (const stratum::Tree &tree : trees) {
            batch.put_tree(tree).value();
        }
        batch.commit(durability).value();
    }
    std::size_t tree(std::int64_t id) override {
        const stratum::OwnedTree tree = db.latest().tree(static_cast<std::uint64_t>(id)).value();
        std::size_t sum = tree->blob().size();
        for (stratum::InputView input : tree->inputs()) {
            sum += input.columns().find("name")->text().size() + size_of(input.value()) + size_of(*input.output());
        }
        return sum;
    }
    std::size_t output(std::int64_t id) override {
        return size_of(*db.latest().output(static_cast<std::uint64_t>(id), 8).value());
    }
    std::size_t column(std::int64_t id) override {
        return size_of(*db.latest().column(static_cast<std::uint64_t>(id), "name").value());
    }
    std::size_t blob(std::int64_t id) override {
        return db.latest().blob(static_cast<std::uint64_t>(id)).value()->size();
    }
    bool exists(std::int64_t id) override { return db.latest().exists(static_cast<std::uint64_t>(id)).value(); }
};

struct Sqlite : Contestant {
    sqlite3 *db = nullptr;
    sqlite3_stmt *put, *put_test, *get, *get_tests, *get_output, *get_name, *get_blob, *find;

    Sqlite(const std::string &place, bool durable) {
        demand(sqlite3_open(place.c_str(), &db) == SQLITE_OK);
        run("PRAGMA journal_mode=WAL");
        run(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
        run("PRAGMA mmap_size=4294967296");
        run("CREATE TABLE problem (id INTEGER PRIMARY KEY, name TEXT, level INTEGER, bound REAL, tags TEXT, statement BLOB)");
        run("CREATE TABLE test (problem INTEGER, id INTEGER, name TEXT, input, output, PRIMARY KEY (problem, id))"
            " WITHOUT ROWID");
        put = prepare("INSERT INTO problem VALUES (?, ?, ?, ?, ?, ?)");
        put_test = prepare("INSERT INTO test VALUES (?, ?, ?, ?, ?)");
        get = prepare("SELECT name, level, bound, tags, statement FROM problem WHERE id = ?");
        get_tests = prepare("SELECT id, name, input, output FROM test WHERE problem = ? ORDER BY id");
        get_output = prepare("SELECT output FROM test WHERE problem = ? AND id = 8");
        get_name = prepare("SELECT name FROM problem WHERE id = ?");
        get_blob = prepare("SELECT statement FROM problem WHERE id = ?");
        find = prepare("SELECT 1 FROM problem WHERE id = ?");
    }
    ~Sqlite() override {
        for (sqlite3_stmt *statement : {put, put_test, get, get_tests, get_output, get_name, get_blob, find}) {
            sqlite3_finalize(statement);
        }
        sqlite3_close(db);
    }
    static void demand(bool is) {
        if (!is) {
            throw std::runtime_error("SQLite refuses a call");
        }
    }
    void run(const char *sql) { demand(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK); }
    sqlite3_stmt *prepare(const char *sql) {
        sqlite3_stmt *statement = nullptr;
        demand(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) == SQLITE_OK);
        return statement;
    }
    static void bind(sqlite3_stmt *statement, int at, const stratum::Value &value) {
        if (const auto *text = value.get_if<std::string>()) {
            sqlite3_bind_text(statement, at, text->data(), static_cast<int>(text->size()), SQLITE_STATIC);
        } else if (const auto *number = value.get_if<std::int64_t>()) {
            sqlite3_bind_int64(statement, at, *number);
        } else if (const auto *numbers = value.get_if<std::vector<std::int64_t>>()) {
            sqlite3_bind_blob(statement, at, numbers->data(), static_cast<int>(numbers->size() * 8), SQLITE_STATIC);
        } else {
            sqlite3_bind_double(statement, at, *value.get_if<double>());
        }
    }
    static void step(sqlite3_stmt *statement) {
        demand(sqlite3_step(statement) == SQLITE_DONE);
        sqlite3_reset(statement);
    }
    static std::size_t size_of(sqlite3_stmt *statement, int at) {
        return sqlite3_column_type(statement, at) == SQLITE_INTEGER
                   ? static_cast<std::size_t>(sqlite3_column_int64(statement, at))
                   : (sqlite3_column_blob(statement, at), static_cast<std::size_t>(sqlite3_column_bytes(statement, at)));
    }
    void write(const std::vector<stratum::Tree> &trees, std::int64_t first) override {
        run("BEGIN");
        const stratum::Value tags = "dp,graphs,strings";
        for (const stratum::Tree &tree : trees) {
            sqlite3_bind_int64(put, 1, first);
            for (int at = 0; at < 3; ++at) {
                bind(put, at + 2, tree.columns[static_cast<std::size_t>(at)].value);
            }
            bind(put, 5, tags);
            sqlite3_bind_blob(put, 6, tree.blob.data(), static_cast<int>(tree.blob.size()), SQLITE_STATIC);
            step(put);
            std::int64_t id = 1;
            for (const stratum::Input &input : tree.inputs) {
                sqlite3_bind_int64(put_test, 1, first);
                sqlite3_bind_int64(put_test, 2, id++);
                bind(put_test, 3, input.columns[0].value);
                bind(put_test, 4, input.value);
                bind(put_test, 5, *input.output);
                step(put_test);
            }
            ++first;
        }
        run("COMMIT");
    }
    std::size_t one(sqlite3_stmt *statement, std::int64_t id) {
        sqlite3_bind_int64(statement, 1, id);
        demand(sqlite3_step(statement) == SQLITE_ROW);
        const std::size_t size = size_of(statement, sqlite3_column_count(statement) - 1);
        sqlite3_reset(statement);
        return size;
    }
    std::size_t tree(std::int64_t id) override {
        std::size_t sum = one(get, id);
        sqlite3_bind_int64(get_tests, 1, id);
        while (sqlite3_step(get_tests) == SQLITE_ROW) {
            sum += size_of(get_tests, 1) + size_of(get_tests, 2) + size_of(get_tests, 3);
        }
        sqlite3_reset(get_tests);
        return sum;
    }
    std::size_t output(std::int64_t id) override { return one(get_output, id); }
    std::size_t column(std::int64_t id) override { return one(get_name, id); }
    std::size_t blob(std::int64_t id) override { return one(get_blob, id); }
    bool exists(std::int64_t id) override { return one(find, id) == 1; }
};

/// Nanoseconds that a call takes, over `count` of them.
double took(std::size_t count, const std::function<void(std::size_t)> &call) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t at = 0; at < count; ++at) {
        call(at);
    }
    const std::chrono::duration<double, std::nano> all = std::chrono::steady_clock::now() - begun;
    return all.count() / static_cast<double>(count);
}

} // namespace

int main(int argc, char **argv) {
    const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 5000;
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    std::string place = (std::filesystem::temp_directory_path() / "stratum-cpp-XXXXXX").string();
    if (count < at_once || mkdtemp(place.data()) == nullptr) {
        std::fprintf(stderr, "compare: no place, or fewer than %zu trees\n", at_once);
        return 1;
    }
    std::vector<stratum::Tree> trees;
    for (std::size_t at = 0; at < count; ++at) {
        trees.push_back(make(static_cast<std::int64_t>(at + 1)));
    }
    const char *const names[] = {"write a tree, 100 at once", "write a tree, durable", "read a tree", "one output",
                                 "one column", "blob of 2 KB", "is it there"};
    double best[2][7];
    std::fill(&best[0][0], &best[0][0] + 14, 1e300);
    for (int round = 0; round < rounds; ++round) {
        const std::string dir = place + "/" + std::to_string(round);
        std::filesystem::create_directory(dir);
        for (int which = 0; which < 2; ++which) {
            const int side = (which + round) % 2;
            const auto open = [&](const char *name, bool durable) -> std::unique_ptr<Contestant> {
                const std::string path = dir + "/" + name;
                return side == 0 ? std::unique_ptr<Contestant>(new Stratum(path, durable))
                                 : std::unique_ptr<Contestant>(new Sqlite(path + ".sqlite", durable));
            };
            const auto store = open("fast", false);
            std::vector<double> times;
            times.push_back(took(count / at_once, [&](std::size_t at) {
                const auto from = trees.begin() + static_cast<std::ptrdiff_t>(at * at_once);
                store->write({from, from + at_once}, static_cast<std::int64_t>(at * at_once + 1));
            }) / at_once);
            const auto durable = open("durable", true);
            times.push_back(took(100, [&](std::size_t at) {
                durable->write({trees[at]}, static_cast<std::int64_t>(at + 1));
            }));
            const std::size_t stored = count / at_once * at_once;
            const auto id = [&](std::size_t at) { return static_cast<std::int64_t>(at * 7919 % stored + 1); };
            for (std::size_t at = 0; at < stored; ++at) {
                // The same for both sides, so both read what was written.
                std::size_t sum = trees[at].blob.size();
                for (const stratum::Input &input : trees[at].inputs) {
                    const auto size = [](const stratum::Value &value) {
                        const auto *text = value.get_if<std::string>();
                        const auto *number = value.get_if<std::int64_t>();
                        return text ? text->size() : number ? static_cast<std::size_t>(*number) : std::size_t{96};
                    };
                    sum += size(input.columns[0].value) + size(input.value) + size(*input.output);
                }
                if (store->tree(static_cast<std::int64_t>(at + 1)) != sum) {
                    std::fprintf(stderr, "compare: tree %zu is not what was written\n", at + 1);
                    return 1;
                }
            }
            std::size_t sum = 0;
            times.push_back(took(stored, [&](std::size_t at) { sum += store->tree(id(at)); }));
            times.push_back(took(4 * stored, [&](std::size_t at) { sum += store->output(id(at)); }));
            times.push_back(took(4 * stored, [&](std::size_t at) { sum += store->column(id(at)); }));
            times.push_back(took(4 * stored, [&](std::size_t at) { sum += store->blob(id(at)); }));
            times.push_back(took(4 * stored, [&](std::size_t at) { sum += store->exists(id(at)); }));
            if (sum == 0) {
                return 1;
            }
            for (std::size_t at = 0; at < 7; ++at) {
                best[side][at] = std::min(best[side][at], times[at]);
            }
        }
        std::filesystem::remove_all(dir);
    }
    std::filesystem::remove_all(place);
    std::printf("| | Stratum | a second | SQLite | SQLite : Stratum |\n|---|---|---|---|---|\n");
    for (std::size_t at = 0; at < 7; ++at) {
        std::printf("| %s | %.0f ns | %.0f | %.0f ns | %.2f |\n", names[at], best[0][at], 1e9 / best[0][at], best[1][at],
                    best[1][at] / best[0][at]);
    }
    return 0;
}
