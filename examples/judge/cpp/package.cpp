// A problem package, read from its directory.

#include "judge.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <yaml-cpp/yaml.h>

namespace fs = std::filesystem;

namespace judge {

namespace {

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t offset) { return static_cast<unsigned char>(text[at + offset]); };
        const unsigned char head = byte(0);
        const std::size_t size =
            head < 0x80 ? 1 : head < 0xc2 ? 0 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : head < 0xf5 ? 4 : 0;
        if (size == 0 || size > text.size() - at) {
            return false;
        }
        for (std::size_t offset = 1; offset < size; ++offset) {
            if ((byte(offset) & 0xc0) != 0x80) {
                return false;
            }
        }
        // Longer than needed, a surrogate, or beyond U+10FFFF.
        if ((head == 0xe0 && byte(1) < 0xa0) || (head == 0xed && byte(1) > 0x9f) || (head == 0xf0 && byte(1) < 0x90) ||
            (head == 0xf4 && byte(1) > 0x8f)) {
            return false;
        }
        at += size;
    }
    return true;
}

stratum::Value content(const fs::path &path) {
    std::string bytes = read_file(path);
    if (is_utf8(bytes)) {
        return bytes;
    }
    return stratum::Bytes{std::vector<std::uint8_t>(bytes.begin(), bytes.end())};
}

std::string statement(const fs::path &directory) {
    fs::path place = directory / "statement";
    if (!fs::is_directory(place)) {
        place = directory / "problem_statement";
    }
    std::optional<fs::path> first;
    if (fs::is_directory(place)) {
        for (const fs::directory_entry &entry : fs::directory_iterator(place)) {
            const bool is_statement = entry.path().filename().string().rfind("problem.", 0) == 0;
            if (is_statement && (!first || entry.path().string() < first->string())) {
                first = entry.path();
            }
        }
    }
    return first ? read_file(*first) : std::string();
}

std::string title(const YAML::Node &name, const std::string &missing) {
    if (name.IsScalar()) {
        return name.Scalar();
    }
    if (name.IsMap() && name.size() > 0) {
        const YAML::Node english = name["en"];
        return (english ? english : name.begin()->second).Scalar();
    }
    return missing;
}

std::vector<std::string> words(const YAML::Node &node) {
    if (node.IsSequence()) {
        return node.as<std::vector<std::string>>();
    }
    return node.IsScalar() ? split_words(node.Scalar()) : std::vector<std::string>();
}

/// The tests below `data/<part>`, by their paths without `.in`.
std::vector<std::string> tests(const fs::path &data, const char *part) {
    std::vector<std::string> paths;
    if (fs::is_directory(data / part)) {
        const auto links = fs::directory_options::follow_directory_symlink;
        for (auto each = fs::recursive_directory_iterator(data / part, links); each != end(each); ++each) {
            const fs::directory_entry &entry = *each;
            if (entry.path().filename().string()[0] == '.') {
                each.disable_recursion_pending();
            } else if (entry.path().extension() == ".in" && !entry.is_directory()) {
                paths.push_back(entry.path().lexically_relative(data).generic_string());
            }
        }
    }
    std::sort(paths.begin(), paths.end());
    for (std::string &path : paths) {
        path.resize(path.size() - 3);
    }
    return paths;
}

} // namespace

std::string read_file(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    if (!file || !(bytes << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
        throw std::runtime_error(path.string() + ": cannot be read");
    }
    return bytes.str();
}

std::vector<std::string> split_words(std::string_view text) {
    constexpr std::string_view space = " \t\n\v\f\r";
    std::vector<std::string> found;
    for (std::size_t at = text.find_first_not_of(space); at < text.size(); at = text.find_first_not_of(space, at)) {
        const std::size_t end = std::min(text.find_first_of(space, at), text.size());
        found.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return found;
}

stratum::Tree read_package(const fs::path &directory, const std::string &name) {
    const YAML::Node yaml = YAML::Load(read_file(directory / "problem.yaml"));
    if (!yaml.IsMap()) {
        throw std::runtime_error("problem.yaml is not a map");
    }
    const fs::path data = directory / "data";
    std::vector<std::string> all = tests(data, "sample");
    const auto samples = static_cast<std::int64_t>(all.size());
    for (std::string &test : tests(data, "secret")) {
        all.push_back(std::move(test));
    }

    stratum::Tree tree{statement(directory), {{"package", name}}, {}};
    tree.columns.push_back({"title", yaml["name"] ? title(yaml["name"], name) : name});
    for (const auto &[key, column] : {std::pair{"keywords", "keywords"}, std::pair{"validator_flags", "flags"}}) {
        std::vector<std::string> found = yaml[key] ? words(yaml[key]) : std::vector<std::string>();
        if (!found.empty()) {
            tree.columns.push_back({column, std::move(found)});
        }
    }
    tree.columns.push_back({"samples", samples});
    for (const std::string &test : all) {
        stratum::Input input{content(data / (test + ".in")), {{"test", test}}};
        if (fs::is_regular_file(data / (test + ".ans"))) {
            input.output = content(data / (test + ".ans"));
        }
        tree.inputs.push_back(std::move(input));
    }
    return tree;
}

} // namespace judge
