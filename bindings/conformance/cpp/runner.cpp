// The conformance runner of stratum.hpp: `run WORK FILE...`, `dump STORE...`; ../README.md tells what they do.
//
// 1. It uses stratum.hpp alone: what that lacks the suite cannot pass.
// 2. A handle that was freed stays under its name, empty: the wrapper has to answer Closed.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "json.hpp"

namespace {

using namespace conformance;
using stratum::Result;

/// What a call gives: nothing, or canonical JSON.
using Answer = Result<std::string>;

const std::string kNothing;

/// What a script has under a name: one of these is there.
struct Thing {
    std::unique_ptr<stratum::Db> db;
    std::unique_ptr<stratum::View> latest;
    std::unique_ptr<stratum::Snapshot> snapshot;
    std::unique_ptr<stratum::Batch> batch;
    std::unique_ptr<stratum::DocumentCursor> documents;
    std::unique_ptr<stratum::InputCursor> inputs;
    std::unique_ptr<stratum::OwnedTree> tree;
    std::unique_ptr<stratum::Pinned> pinned;
};

class Run {
public:
    explicit Run(std::filesystem::path dir) : dir_(std::move(dir)) {}

    Answer step(const Json &step);

private:
    std::uint64_t resolve(const Json &json) const {
        const std::string text = json.get<std::string>();
        return text[0] == '$' ? ids_.at(text.substr(1)) : std::stoull(text);
    }
    std::uint64_t id(const char *name) const { return resolve(args().at(name)); }
    std::string text(const char *name) const { return args().at(name).get<std::string>(); }
    stratum::Value value() const { return to_value(args().at("value")); }
    const Json &args() const {
        static const Json none = Json::object();
        const auto found = step_->find("args");
        return found == step_->end() ? none : *found;
    }

    void keep(const std::string &suffix, std::uint64_t id) {
        if (step_->contains("save_as")) {
            ids_[step_->at("save_as").get<std::string>() + suffix] = id;
        }
    }
    template <class T>
    void keep(std::unique_ptr<T> Thing::*place, T made) {
        if (step_->contains("save_as")) {
            Thing thing;
            thing.*place = std::make_unique<T>(std::move(made));
            things_[step_->at("save_as").get<std::string>()] = std::move(thing);
        }
    }
    template <class T>
    Answer kept(std::unique_ptr<T> Thing::*place, Result<T> made) {
        if (!made) {
            return *made.error();
        }
        keep(place, std::move(*made));
        return kNothing;
    }

    Answer open();
    Answer file(const std::string &op);
    Answer on_db(stratum::Db &db, const std::string &op);
    Answer on_batch(stratum::Batch &batch, const std::string &op);
    Answer on_view(const stratum::View &view, const std::string &op);
    Answer on_document(const stratum::View &view, const std::string &op);
    Answer on_documents(stratum::DocumentCursor &cursor, const std::string &op);
    Answer on_inputs(stratum::InputCursor &cursor, const std::string &op);
    Answer free(Thing &thing, const std::string &op);
    Answer made_id(Result<std::uint64_t> id);
    Answer made_tree(Result<stratum::TreeIds> ids);
    template <class Writer>
    Answer write(Writer &writer, const std::string &verb);
    template <class Writer>
    Answer apply(Writer &writer);
    std::vector<std::uint8_t> packed() const;

    std::filesystem::path dir_;
    const Json *step_ = nullptr;
    std::map<std::string, Thing> things_;
    std::map<std::string, std::uint64_t> ids_;
};

Answer done(const Result<void> &result) {
    if (!result) {
        return *result.error();
    }
    return kNothing;
}

template <class T, class Show>
Answer shown(const Result<T> &result, Show &&show) {
    if (!result) {
        return *result.error();
    }
    return std::string(show(*result));
}

Answer Run::made_id(Result<std::uint64_t> id) {
    if (id) {
        keep("", *id);
    }
    return shown(id, number);
}

Answer Run::made_tree(Result<stratum::TreeIds> ids) {
    if (ids) {
        keep("", ids->document);
        keep(".input", ids->first_input);
    }
    return shown(ids, [](const stratum::TreeIds &ids) {
        return "{\"document\":" + number(ids.document) + ",\"first_input\":" + number(ids.first_input) +
               ",\"input_count\":" + number(ids.input_count) + '}';
    });
}

std::vector<std::uint8_t> Run::packed() const {
    const std::string text = this->text("packed");
    if (text.empty() || text[0] != '$') {
        return unhex(text);
    }
    const stratum::BytesView bytes = **things_.at(text.substr(1)).pinned;
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
}

template <class Writer>
Answer Run::apply(Writer &writer) {
    const auto operations = unhex(args().at("operations"));
    std::vector<std::uint64_t> ids(operations.size() / 48 + 1);
    std::size_t applied = 0;
    const Result<void> result = writer.apply_packed(operations, ids.data(), ids.size(), &applied);
    ids.resize(applied);
    return result ? Answer(list(ids, number)) : Answer(*result.error());
}

template <class Writer>
Answer Run::write(Writer &writer, const std::string &verb) {
    if (verb == "create_document") {
        const auto blob = unhex(args().value("blob", Json("")));
        return made_id(writer.create_document(blob, to_columns(args().value("columns", Json::array()))));
    }
    if (verb == "put_tree") return made_tree(writer.put_tree(to_tree(args().at("tree"))));
    if (verb == "replace_tree") return made_tree(writer.replace_tree(id("document"), to_tree(args().at("tree"))));
    if (verb == "put_packed") return made_tree(writer.put_packed(packed()));
    if (verb == "replace_packed") return made_tree(writer.replace_packed(id("document"), packed()));
    if (verb == "apply_packed") return apply(writer);
    if (verb == "set_blob") return done(writer.set_blob(id("document"), unhex(args().at("blob"))));
    if (verb == "set_column") return done(writer.set_column(id("document"), text("name"), value()));
    if (verb == "remove_column") return done(writer.remove_column(id("document"), text("name")));
    if (verb == "delete_document") return done(writer.delete_document(id("document")));
    if (verb == "append_input") return made_id(writer.append_input(id("document"), value()));
    if (verb == "insert_input") return made_id(writer.insert_input(id("document"), id("before"), value()));
    if (verb == "move_input") return done(writer.move_input(id("document"), id("input"), id("before")));
    if (verb == "replace_input") return done(writer.replace_input(id("document"), id("input"), value()));
    if (verb == "set_input_column") {
        return done(writer.set_input_column(id("document"), id("input"), text("name"), value()));
    }
    if (verb == "remove_input_column") {
        return done(writer.remove_input_column(id("document"), id("input"), text("name")));
    }
    if (verb == "delete_input") return done(writer.delete_input(id("document"), id("input")));
    if (verb == "set_output") return done(writer.set_output(id("document"), id("input"), value()));
    if (verb == "update_output") return done(writer.update_output(id("document"), id("input"), value()));
    if (verb == "delete_output") return done(writer.delete_output(id("document"), id("input")));
    throw Broken("no write: " + verb);
}

Answer Run::open() {
    stratum::Options options;
    const Json given = args().value("options", Json::object());
    for (const auto &[name, value] : given.items()) {
        options.set(name, value.get<std::string>());
    }
    return kept(&Thing::db, stratum::Db::open((dir_ / text("path")).string(), options));
}

Answer Run::file(const std::string &op) {
    const std::filesystem::path path = dir_ / text("file");
    if (op == "file_write") {
        std::filesystem::create_directories(path.parent_path());
        const auto bytes = unhex(args().at("bytes"));
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()),
                                                    static_cast<std::streamsize>(bytes.size()));
        return kNothing;
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto offset = static_cast<std::streamoff>(id("offset"));
    file.seekg(offset);
    const int byte = file.get();
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ unhex(args().at("mask")).at(0)));
    if (!file) {
        throw Broken("cannot change " + path.string());
    }
    return kNothing;
}

Answer Run::on_db(stratum::Db &db, const std::string &op) {
    if (op == "db_close") return done(db.close());
    if (op == "db_latest") {
        keep(&Thing::latest, db.latest());
        return kNothing;
    }
    if (op == "db_snapshot") return kept(&Thing::snapshot, db.snapshot());
    if (op == "batch_create") return kept(&Thing::batch, db.batch());
    if (op == "db_flush") return done(db.flush());
    if (op == "db_checkpoint") return done(db.checkpoint());
    if (op == "db_compact_now") {
        const bool go_on = args().value("progress", "") != "stop";
        return done(db.compact_now([&](const stratum::Progress &) { return go_on; }));
    }
    if (op == "db_stats") {
        return shown(db.stats(), [](const stratum::Stats &stats) {
            return "{\"documents\":" + number(stats.documents) + ",\"nodes\":" + number(stats.nodes) +
                   ",\"snapshots\":" + number(stats.snapshots) + ",\"commits\":" + number(stats.commits) +
                   ",\"sequence\":" + number(stats.sequence) +
                   ",\"poisoned\":" + (stats.poisoned != 0 ? "true" : "false") + '}';
        });
    }
    if (op == "db_verify") {
        return shown(db.verify(), [](const stratum::Findings &findings) {
            return "{\"documents\":" + number(findings.documents) + ",\"inputs\":" + number(findings.inputs) +
                   ",\"outputs\":" + number(findings.outputs) + ",\"damage\":" + number(findings.damage.size()) + '}';
        });
    }
    return write(db, op.substr(3));
}

Answer Run::on_batch(stratum::Batch &batch, const std::string &op) {
    if (op == "batch_commit") {
        const std::string word = args().value("durability", "");
        using stratum::Durability;
        return shown(batch.commit(word == "always"     ? Durability::Always
                                  : word == "interval" ? Durability::Interval
                                  : word == "os"       ? Durability::Os
                                                       : Durability::Default),
                     number);
    }
    if (op == "batch_clear") return done(batch.clear());
    if (op == "batch_size") {
        return shown(batch.size(), [](const stratum::Batch::Size &size) {
            return "{\"operations\":" + number(size.operations) + ",\"bytes\":" + number(size.bytes) + '}';
        });
    }
    return write(batch, op.substr(6));
}

Answer Run::on_view(const stratum::View &view, const std::string &op) {
    if (op == "view_sequence") return shown(view.sequence(), number);
    if (op == "view_document_count") return shown(view.document_count(), number);
    if (op == "view_documents") return kept(&Thing::documents, view.documents(id("from")));
    if (op == "view_packed_trees") {
        std::vector<stratum::DocumentId> ids;
        for (const Json &document : args().at("documents")) {
            ids.push_back(resolve(document));
        }
        return shown(view.packed_trees(ids.data(), ids.size()), [](const stratum::Pinned &pinned) { return hex(*pinned); });
    }
    return on_document(view, op);
}

Answer Run::on_document(const stratum::View &view, const std::string &op) {
    const auto owned_value = [](const stratum::OwnedValue &owned) { return conformance::value(*owned); };
    const auto owned_columns = [](const stratum::OwnedColumns &owned) { return columns(*owned); };
    const stratum::DocumentId document = id("document");
    if (op == "view_exists") return shown(view.exists(document), [](bool is) { return is ? "true" : "false"; });
    if (op == "view_input_count") return shown(view.input_count(document), number);
    if (op == "view_blob" || op == "view_packed_tree") {
        Result<stratum::Pinned> pinned = op == "view_blob" ? view.blob(document) : view.packed_tree(document);
        Answer answer = shown(pinned, [](const stratum::Pinned &pinned) { return hex(*pinned); });
        if (pinned) {
            keep(&Thing::pinned, std::move(*pinned));
        }
        return answer;
    }
    if (op == "view_read_blob") {
        std::vector<std::uint8_t> buffer(id("capacity"));
        return shown(view.read_blob(document, buffer.data(), buffer.size()),
                     [&](std::size_t length) { return hex({buffer.data(), length}); });
    }
    if (op == "view_columns") return shown(view.columns(document), owned_columns);
    if (op == "view_column") return shown(view.column(document, text("name")), owned_value);
    if (op == "view_input_ids") {
        return shown(view.input_ids(document), [](const stratum::OwnedIds &ids) { return list(*ids, number); });
    }
    if (op == "view_inputs") {
        return shown(view.inputs(document), [](const stratum::OwnedInputs &inputs) { return list(*inputs, input); });
    }
    if (op == "view_tree") {
        Result<stratum::OwnedTree> owned = view.tree(document);
        Answer answer = shown(owned, [](const stratum::OwnedTree &owned) { return tree(*owned); });
        if (owned) {
            keep(&Thing::tree, std::move(*owned));
        }
        return answer;
    }
    if (op == "view_input_cursor") return kept(&Thing::inputs, view.input_cursor(document));
    if (op == "view_input") return shown(view.input(document, id("input")), owned_value);
    if (op == "view_input_columns") return shown(view.input_columns(document, id("input")), owned_columns);
    if (op == "view_output") return shown(view.output(document, id("input")), owned_value);
    throw Broken("no read: " + op);
}

const stratum::Error kEnd(stratum::Status::End);

Answer Run::on_documents(stratum::DocumentCursor &cursor, const std::string &op) {
    if (op == "document_cursor_seek") return done(cursor.seek(id("from")));
    if (op == "document_cursor_fill") {
        std::vector<stratum::DocumentId> ids(id("capacity"));
        Result<std::size_t> count = cursor.fill(ids.data(), ids.size());
        if (!count || *count == 0) {
            return count ? kEnd : *count.error();
        }
        ids.resize(*count);
        return list(ids, number);
    }
    const auto next = cursor.next();
    if (!next || !*next) {
        return next ? kEnd : *next.error();
    }
    return made_id(**next);
}

Answer Run::on_inputs(stratum::InputCursor &cursor, const std::string &op) {
    if (op == "input_cursor_fill") {
        std::vector<std::uint8_t> buffer(id("capacity"));
        Result<std::size_t> length = cursor.fill(buffer.data(), buffer.size());
        if (!length || *length == 0) {
            return length ? kEnd : *length.error();
        }
        return hex({buffer.data(), *length});
    }
    const auto next = cursor.next();
    if (!next || !*next) {
        return next ? kEnd : *next.error();
    }
    return input(**next);
}

Answer Run::free(Thing &thing, const std::string &op) {
    if (thing.snapshot) thing.snapshot->free();
    if (thing.batch) thing.batch->free();
    if (thing.documents) thing.documents->free();
    if (thing.inputs) thing.inputs->free();
    // An owner of what was read has no empty state to ask: it is gone.
    if (op == "tree_free") thing.tree.reset();
    if (op == "pinned_free") thing.pinned.reset();
    return kNothing;
}

Answer Run::step(const Json &step) {
    step_ = &step;
    const std::string op = step.at("op").get<std::string>();
    if (op == "db_open") return open();
    if (op.rfind("file_", 0) == 0) return file(op);
    Thing &thing = things_.at(step.at("on").get<std::string>());
    if (op.size() > 5 && op.compare(op.size() - 5, 5, "_free") == 0) return free(thing, op);
    if (thing.db) return on_db(*thing.db, op);
    if (thing.batch) return on_batch(*thing.batch, op);
    if (thing.latest) return on_view(*thing.latest, op);
    if (thing.snapshot) return on_view(*thing.snapshot, op);
    if (thing.documents) return on_documents(*thing.documents, op);
    if (thing.inputs) return on_inputs(*thing.inputs, op);
    if (thing.tree) return tree(**thing.tree);
    if (thing.pinned) return hex(**thing.pinned);
    return stratum::Error(stratum::Status::Closed);
}

void run_script(const Json &script, const std::filesystem::path &dir) {
    std::filesystem::create_directories(dir);
    std::cout << "{\"script\":" << quote(script.at("name").get<std::string>()) << "}\n";
    Run run(dir);
    std::size_t at = 0;
    for (const Json &step : script.at("steps")) {
        ++at;
        try {
            const Answer answer = run.step(step);
            std::cout << "{\"step\":" << at << ",\"op\":" << quote(step.at("op").get<std::string>())
                      << ",\"status\":\"" << stratum::name(answer.status()) << '"';
            if (answer && !answer->empty()) {
                std::cout << ",\"value\":" << *answer;
            }
            std::cout << "}\n";
        } catch (const std::exception &error) {
            throw Broken(script.at("name").get<std::string>() + ", step " + std::to_string(at) + ": " + error.what());
        }
    }
}

Result<void> dump_documents(const char *store) {
    auto db = stratum::Db::open(store, stratum::Options().create(false));
    if (!db) return *db.error();
    const auto view = db->snapshot();
    if (!view) return *view.error();
    auto documents = view->documents();
    if (!documents) return *documents.error();
    for (;;) {
        const auto document = documents->next();
        if (!document) return *document.error();
        if (!*document) break;
        const auto owned = view->tree(**document);
        if (!owned) return *owned.error();
        std::cout << "{\"document\":" << number(**document) << ",\"tree\":" << tree(**owned) << "}\n";
    }
    const auto count = view->document_count();
    if (!count) return *count.error();
    std::cout << "{\"documents\":" << number(*count) << "}\n";
    return db->close();
}

} // namespace

int main(int argc, char **argv) {
    try {
        const std::string command = argc > 1 ? argv[1] : "";
        if (command == "run" && argc > 2) {
            std::size_t scripts = 0;
            for (int at = 3; at < argc; ++at) {
                std::ifstream file(argv[at]);
                const Json vectors = Json::parse(file);
                for (const Json &script : vectors.at("scripts")) {
                    run_script(script, std::filesystem::path(argv[2]) / std::to_string(scripts++));
                }
            }
        } else if (command == "dump") {
            for (int at = 2; at < argc; ++at) {
                std::cout << "{\"store\":" << at - 2 << "}\n";
                const Result<void> dumped = dump_documents(argv[at]);
                if (!dumped) {
                    std::cout << "{\"status\":\"" << stratum::name(dumped.status()) << "\"}\n";
                }
            }
        } else {
            std::cerr << "usage: runner run WORK FILE... | dump STORE...\n";
            return 2;
        }
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
    std::cout.flush();
    return std::cout ? 0 : 2;
}
