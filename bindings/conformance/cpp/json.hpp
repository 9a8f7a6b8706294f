// Between the language of the vectors and stratum.hpp: reading values, columns and trees, writing canonical JSON.
//
// 1. What is not in the language throws Broken; canonical JSON is what ../README.md says, to the byte.

#ifndef CONFORMANCE_JSON_HPP
#define CONFORMANCE_JSON_HPP

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <stratum/stratum.hpp>
#include <string>

namespace conformance {

using Json = nlohmann::json;

/// A vector that is not in the language.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline std::string quote(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
}

inline std::string number(std::uint64_t number) {
    return '"' + std::to_string(number) + '"';
}

inline std::string hex(stratum::BytesView bytes) {
    static const char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (std::uint8_t byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out + '"';
}

inline std::string bits(double number) {
    std::uint64_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    char text[24];
    std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(bits));
    return text;
}

/// A list: what `one` writes of each item, with commas.
template <class Items, class One>
std::string list(const Items &items, One &&one) {
    std::string out = "[";
    for (const auto &item : items) {
        if (out.size() > 1) {
            out += ',';
        }
        out += one(item);
    }
    return out + ']';
}

inline std::string value(stratum::ValueView value) {
    using stratum::Kind;
    const auto named = [](const char *kind, const std::string &content) {
        return std::string("{\"") + kind + "\":" + content + '}';
    };
    switch (value.kind()) {
    case Kind::Null: return named("null", "null");
    case Kind::Bool: return named("bool", *value.boolean() ? "true" : "false");
    case Kind::Int64: return named("int64", '"' + std::to_string(*value.int64()) + '"');
    case Kind::Double: return named("double", bits(*value.float64()));
    case Kind::Decimal: return named("decimal", quote(value.text()));
    case Kind::String: return named("string", quote(value.text()));
    case Kind::Bytes: return named("bytes", hex(value.bytes()));
    case Kind::Int64List:
        return named("int64_list", list(value.int64s(), [](std::int64_t item) {
                         return '"' + std::to_string(item) + '"';
                     }));
    case Kind::DoubleList: return named("double_list", list(value.doubles(), bits));
    case Kind::StringList:
        return named("string_list", list(value.strings(), [](std::string_view item) { return quote(item); }));
    case Kind::StringMap: {
        const stratum::Value owned = value.to_value();
        return named("string_map", list(owned.get_if<stratum::StringMap>()->entries, [](const auto &entry) {
                         return '[' + quote(entry.first) + ',' + quote(entry.second) + ']';
                     }));
    }
    case Kind::List:
        return named("list", list(value.values(), [](stratum::ValueView item) { return conformance::value(item); }));
    case Kind::Map:
        return named("map", list(value.entries(), [](stratum::EntryView entry) {
                         return '[' + quote(entry.key()) + ',' + conformance::value(entry.value()) + ']';
                     }));
    }
    throw Broken("a kind that this runner does not know");
}

inline std::string columns(stratum::ColumnsView columns) {
    return list(columns, [](stratum::ColumnView column) {
        return '[' + quote(column.name()) + ',' + value(column.value()) + ']';
    });
}

inline std::string input(stratum::InputView input) {
    return "{\"id\":" + number(input.id()) + ",\"value\":" + value(input.value()) +
           ",\"columns\":" + columns(input.columns()) +
           ",\"output\":" + (input.output() ? value(*input.output()) : "null") + '}';
}

inline std::string tree(stratum::TreeView tree) {
    return "{\"blob\":" + hex(tree.blob()) + ",\"columns\":" + columns(tree.columns()) +
           ",\"inputs\":" + list(tree.inputs(), [](stratum::InputView item) { return input(item); }) + '}';
}

inline std::vector<std::uint8_t> unhex(const Json &json) {
    const std::string &text = json.get_ref<const std::string &>();
    std::vector<std::uint8_t> bytes;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(at, 2), nullptr, 16)));
    }
    return bytes;
}

inline double unbits(const Json &json) {
    const std::uint64_t bits = std::stoull(json.get_ref<const std::string &>(), nullptr, 16);
    double number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

inline std::int64_t int64(const Json &json) {
    return std::stoll(json.get_ref<const std::string &>());
}

inline stratum::Value to_value(const Json &json) {
    if (!json.is_object() || json.size() != 1) {
        throw Broken("no value: " + json.dump());
    }
    const std::string &kind = json.begin().key();
    const Json &content = json.begin().value();
    const auto all = [&](auto one) {
        std::vector<decltype(one(content))> items;
        for (const Json &item : content) {
            items.push_back(one(item));
        }
        return items;
    };
    const auto text = [](const Json &item) { return item.get<std::string>(); };
    if (kind == "null") return nullptr;
    if (kind == "bool") return content.get<bool>();
    if (kind == "int64") return int64(content);
    if (kind == "double") return unbits(content);
    if (kind == "decimal") return stratum::Decimal{text(content)};
    if (kind == "string") return text(content);
    if (kind == "bytes") return stratum::Bytes{unhex(content)};
    if (kind == "int64_list") return all(int64);
    if (kind == "double_list") return all(unbits);
    if (kind == "string_list") return all(text);
    if (kind == "string_map") {
        return stratum::StringMap{all([&](const Json &entry) {
            return std::make_pair(text(entry.at(0)), text(entry.at(1)));
        })};
    }
    if (kind == "list") return all(to_value);
    if (kind == "map") {
        return all([&](const Json &entry) { return stratum::Entry{text(entry.at(0)), to_value(entry.at(1))}; });
    }
    if (kind == "nest") {
        stratum::Value inner = to_value(content.at(1));
        for (std::int64_t level = int64(content.at(0)); level > 0; --level) {
            stratum::List around;
            around.push_back(std::move(inner));
            inner = stratum::Value(std::move(around));
        }
        return inner;
    }
    throw Broken("no kind: " + kind);
}

inline stratum::Columns to_columns(const Json &json) {
    stratum::Columns columns;
    for (const Json &column : json) {
        columns.push_back({column.at(0).get<std::string>(), to_value(column.at(1))});
    }
    return columns;
}

inline stratum::Tree to_tree(const Json &json) {
    stratum::Tree tree;
    if (json.contains("blob")) {
        const auto blob = unhex(json["blob"]);
        tree.blob.assign(blob.begin(), blob.end());
    }
    tree.columns = to_columns(json.value("columns", Json::array()));
    for (const Json &item : json.value("inputs", Json::array())) {
        stratum::Input input{to_value(item.at("value")), to_columns(item.value("columns", Json::array())), {}, 0};
        if (item.contains("output") && !item["output"].is_null()) {
            input.output = to_value(item["output"]);
        }
        tree.inputs.push_back(std::move(input));
    }
    return tree;
}

} // namespace conformance

#endif
