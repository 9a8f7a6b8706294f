// `judge` in C++: import, show, check. ../README.md says what each does.

#include "judge.hpp"

#include <cstdio>
#include <iostream>

#include <zlib.h>

namespace fs = std::filesystem;

namespace {

constexpr int done = 0, no = 1, trouble = 2;

constexpr const char *usage =
    "usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS";

std::optional<stratum::DocumentId> find_package(stratum::View view, std::string_view name) {
    stratum::DocumentCursor documents = view.documents().value();
    for (stratum::DocumentId document : documents) {
        const stratum::Result<stratum::OwnedValue> package = view.column(document, "package");
        if (package && (*package)->text() == name) {
            return document;
        }
        if (!package && package.status() != stratum::Status::NotFound) {
            throw stratum::Error(*package.error());
        }
    }
    documents.status().value();
    return std::nullopt;
}

void import_package(stratum::Db &db, const std::string &directory) {
    fs::path path = fs::path(directory).lexically_normal();
    if (!path.has_filename()) {
        path = path.parent_path();
    }
    const std::string name = path.filename().string();
    const stratum::Tree tree = judge::read_package(path, name);
    const std::optional<stratum::DocumentId> old = find_package(db.latest(), name);
    const stratum::TreeIds ids = (old ? db.replace_tree(*old, tree) : db.put_tree(tree)).value();
    std::cout << name << ": document " << ids.document << (old ? " replaced" : "") << ", " << ids.input_count
              << " tests\n";
}

int import_all(const std::string &store, const std::vector<std::string> &directories) {
    stratum::Db db = stratum::Db::open(store).value();
    int status = done;
    for (const std::string &directory : directories) {
        try {
            import_package(db, directory);
        } catch (const std::exception &error) {
            std::cerr << "judge: " << directory << ": not imported: " << error.what() << '\n';
            status = no;
        }
    }
    db.close().value();
    return status;
}

std::vector<std::string> texts(stratum::ColumnsView columns, std::string_view name) {
    std::vector<std::string> found;
    if (const std::optional<stratum::ValueView> column = columns.find(name)) {
        for (std::string_view text : column->strings()) {
            found.emplace_back(text);
        }
    }
    return found;
}

std::string_view text(stratum::ColumnsView columns, std::string_view name) {
    const std::optional<stratum::ValueView> column = columns.find(name);
    return column ? column->text() : std::string_view();
}

std::string_view content(stratum::ValueView value) {
    return value.kind() == stratum::Kind::String ? value.text() : value.bytes().text();
}

std::string sum(std::string_view bytes) {
    char text[64];
    const auto *data = reinterpret_cast<const unsigned char *>(bytes.data());
    const unsigned long crc = crc32_z(crc32_z(0, nullptr, 0), data, bytes.size());
    std::snprintf(text, sizeof text, "%zu bytes, crc32 %08lx", bytes.size(), crc);
    return text;
}

std::string described(stratum::ValueView value) {
    return (value.kind() == stratum::Kind::String ? "String " : "Bytes ") + sum(content(value));
}

void show_words(const char *label, const std::vector<std::string> &words, const char *between) {
    for (std::size_t at = 0; at < words.size(); ++at) {
        std::cout << (at == 0 ? label : between) << words[at] << (at + 1 == words.size() ? "\n" : "");
    }
}

int show(const std::string &name, stratum::DocumentId document, stratum::TreeView tree) {
    std::cout << name << ": document " << document << "\n  title      " << text(tree.columns(), "title") << '\n';
    show_words("  keywords   ", texts(tree.columns(), "keywords"), ", ");
    show_words("  flags      ", texts(tree.columns(), "flags"), " ");
    if (const auto samples = tree.columns().find("samples")) {
        std::cout << "  samples    " << samples->int64().value_or(0) << '\n';
    }
    std::cout << "  statement  " << sum(tree.blob().text()) << '\n';
    for (stratum::InputView input : tree.inputs()) {
        const std::optional<stratum::ValueView> output = input.output();
        std::cout << "  " << text(input.columns(), "test") << ": in " << described(input.value())
                  << (output ? "; out " + described(*output) : "; no output") << '\n';
    }
    return done;
}

int check(const std::string &name, stratum::TreeView tree, const fs::path &outputs) {
    const judge::Rules rules(texts(tree.columns(), "flags"));
    std::size_t right = 0, judged = 0;
    for (stratum::InputView input : tree.inputs()) {
        const std::optional<stratum::ValueView> expected = input.output();
        if (!expected) {
            continue;
        }
        const std::string test(text(input.columns(), "test"));
        fs::path path = outputs / (test + ".out");
        if (!fs::is_regular_file(path)) {
            path = outputs / (test + ".ans");
        }
        std::optional<std::string> why = "no output";
        if (fs::is_regular_file(path)) {
            why = rules.difference(content(*expected), judge::read_file(path));
        }
        std::cout << (why ? "WRONG  " + test + ": " + *why : "ok     " + test) << '\n';
        right += why ? 0 : 1;
        ++judged;
    }
    std::cout << name << ": " << right << " of " << judged << " tests ok\n";
    return right == judged ? done : no;
}

int with_tree(const std::string &store, const std::string &name, const std::string *outputs) {
    stratum::Db db = stratum::Db::open(store, stratum::Options().create(false)).value();
    const std::optional<stratum::DocumentId> document = find_package(db.latest(), name);
    if (!document) {
        std::cerr << "judge: " << name << ": no such package in " << store << '\n';
        return no;
    }
    const stratum::OwnedTree tree = db.latest().tree(*document).value();
    const int status = outputs != nullptr ? check(name, *tree, *outputs) : show(name, *document, *tree);
    db.close().value();
    return status;
}

} // namespace

int main(int argc, char **argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::string command = words.empty() ? "" : words[0];
    try {
        if (command == "import" && words.size() >= 3) {
            return import_all(words[1], {words.begin() + 2, words.end()});
        }
        if (command == "show" && words.size() == 3) {
            return with_tree(words[1], words[2], nullptr);
        }
        if (command == "check" && words.size() == 4) {
            return with_tree(words[1], words[2], &words[3]);
        }
        std::cerr << "judge: " << usage << '\n';
    } catch (const std::exception &error) {
        std::cerr << "judge: " << error.what() << '\n';
    }
    return trouble;
}
