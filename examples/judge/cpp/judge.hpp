// `judge` in C++: what its parts share. ../README.md says what it does. What goes wrong is thrown.

#ifndef JUDGE_HPP
#define JUDGE_HPP

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stratum/stratum.hpp>

namespace judge {

/// package.cpp: a package as a tree.
stratum::Tree read_package(const std::filesystem::path &directory, const std::string &name);
std::string read_file(const std::filesystem::path &path);
std::vector<std::string> split_words(std::string_view text);

/// compare.cpp: how outputs are compared.
struct Rules {
    bool case_sensitive = false;
    bool space_sensitive = false;
    double absolute = -1;
    double relative = -1;

    explicit Rules(const std::vector<std::string> &flags);
    /// How the two differ; nothing where they agree.
    std::optional<std::string> difference(std::string_view expected, std::string_view got) const;

private:
    bool same_text(std::string_view a, std::string_view b) const;
    bool same_token(const std::string &expected, const std::string &got) const;
};

} // namespace judge

#endif
