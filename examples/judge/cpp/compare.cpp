// Outputs, token by token or byte by byte.

#include "judge.hpp"

#include <cmath>
#include <cstdio>
#include <regex>

namespace judge {

namespace {

/// How much of a token is shown.
constexpr std::size_t shown_bytes = 40;

std::optional<double> number(const std::string &token) {
    static const std::regex whole(R"([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)");
    return std::regex_match(token, whole) ? std::optional(std::strtod(token.c_str(), nullptr)) : std::nullopt;
}

char lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

std::string shown(const std::vector<std::string> &tokens, std::size_t at) {
    if (at >= tokens.size()) {
        return "nothing";
    }
    std::string text = "\"";
    for (const char plain : tokens[at].substr(0, shown_bytes)) {
        const auto byte = static_cast<unsigned char>(plain);
        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
            char escaped[5];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
            text += escaped;
        } else {
            text += plain;
        }
    }
    return text + (tokens[at].size() > shown_bytes ? "\"..." : "\"");
}

} // namespace

Rules::Rules(const std::vector<std::string> &flags) {
    for (std::size_t at = 0; at < flags.size(); ++at) {
        const std::string &flag = flags[at];
        case_sensitive = case_sensitive || flag == "case_sensitive";
        space_sensitive = space_sensitive || flag == "space_change_sensitive";
        const bool both = flag == "float_tolerance";
        const bool is_absolute = flag == "float_absolute_tolerance", is_relative = flag == "float_relative_tolerance";
        if ((both || is_absolute || is_relative) && at + 1 < flags.size()) {
            if (const std::optional<double> tolerance = number(flags[at + 1])) {
                absolute = both || is_absolute ? *tolerance : absolute;
                relative = both || is_relative ? *tolerance : relative;
                ++at;
            }
        }
    }
}

bool Rules::same_text(std::string_view a, std::string_view b) const {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [this](char left, char right) {
               return case_sensitive ? left == right : lower(left) == lower(right);
           });
}

bool Rules::same_token(const std::string &expected, const std::string &got) const {
    if (absolute >= 0 || relative >= 0) {
        const std::optional<double> wanted = number(expected), given = number(got);
        if (wanted && given) {
            const double distance = std::fabs(*wanted - *given);
            if (distance <= absolute || distance <= relative * std::fabs(*wanted)) {
                return true;
            }
        }
    }
    return same_text(expected, got);
}

std::optional<std::string> Rules::difference(std::string_view expected, std::string_view got) const {
    std::size_t at = 0;
    if (space_sensitive) {
        while (at < expected.size() && at < got.size() && same_text(expected.substr(at, 1), got.substr(at, 1))) {
            ++at;
        }
        return at == expected.size() && at == got.size() ? std::nullopt
                                                         : std::optional("at byte " + std::to_string(at + 1));
    }
    const std::vector<std::string> wanted = split_words(expected), given = split_words(got);
    while (at < wanted.size() && at < given.size() && same_token(wanted[at], given[at])) {
        ++at;
    }
    if (at == wanted.size() && at == given.size()) {
        return std::nullopt;
    }
    return "token " + std::to_string(at + 1) + ": expected " + shown(wanted, at) + ", got " + shown(given, at);
}

} // namespace judge
