// Packed trees read in place: the same as decoded ones, and no read outside of them, whatever the bytes (under ASan).

#include "check.hpp"

#include <limits>
#include <vector>

namespace {

using stratum::Value;

stratum::Tree everything() {
    const stratum::List all{
        nullptr, true, false, std::numeric_limits<std::int64_t>::min(), -0.0, stratum::Decimal{"-1.5e400"},
        "", "text", stratum::Bytes{{0, 255, 127}}, stratum::Bytes{}, std::vector<std::int64_t>{1, -1},
        std::vector<std::int64_t>{}, std::vector<double>{1.5, -0.0}, std::vector<std::string>{"a", "", "bcd"},
        std::vector<std::string>{}, stratum::StringMap{{{"k", "v"}, {"", "w"}}}, stratum::StringMap{},
        stratum::List{}, stratum::List{1, stratum::List{"x"}}, stratum::Map{}, stratum::Map{{"n", nullptr}, {"l", 7}}};
    stratum::Tree tree{std::string("bl\0b", 4), {{"a", all}, {"name", "Sum"}}, {}};
    for (const Value &value : all) {
        tree.inputs.push_back({value, {{"c", value}, {"d", 1}}, value, 0});
        tree.inputs.push_back({value});
    }
    tree.inputs.push_back({all});
    return tree;
}

bool same(const stratum::Tree &a, const stratum::Tree &b) {
    bool same = a.blob == b.blob && a.columns == b.columns && a.inputs.size() == b.inputs.size();
    for (std::size_t at = 0; same && at < a.inputs.size(); ++at) {
        same = a.inputs[at].id == b.inputs[at].id && a.inputs[at].value == b.inputs[at].value &&
               a.inputs[at].columns == b.inputs[at].columns && a.inputs[at].output == b.inputs[at].output;
    }
    return same;
}

void packed_is_what_decoded_is() {
    const Place place;
    auto db = take(stratum::Db::open(place.store(), stratum::Options().durability(stratum::Durability::Os)));
    const auto ids = take(db.put_tree(everything()));
    CHECK(db.move_input(ids.document, 5, 2).ok() && db.delete_input(ids.document, 9).ok());
    const auto pinned = take(db.latest().packed_tree(ids.document));
    const auto tree = stratum::PackedTree::at(*pinned);
    CHECK(tree && same(tree->to_tree(), take(db.latest().tree(ids.document))->to_tree()));
    CHECK(tree->blob().text() == std::string_view("bl\0b", 4) && tree->columns().size() == 2);
    CHECK(tree->columns().find("name")->text() == "Sum" && !tree->columns().find("nam"));
    CHECK(tree->input(1)->id == 5 && !tree->input(tree->input_count()) && tree->output_count() == 20);
    // An encoded value goes back in, in a row of operations.
    CHECK(tree->input(0)->value.encoded().size() % 8 == 0);
    const auto empty = take(db.create_document());
    const auto nothing = take(db.latest().packed_tree(empty));
    CHECK(stratum::PackedTree::at(*nothing)->input_count() == 0 && stratum::PackedTree::at(*nothing)->blob().empty());
    CHECK(!stratum::PackedTree::at("STPT") && !stratum::PackedTree::at({}));
}

/// Walks all of it; how much there was, so that nothing is left out.
std::size_t walk(const std::vector<std::uint64_t> &words, std::size_t size) {
    const auto tree = stratum::PackedTree::at({words.data(), size});
    return tree ? tree->to_tree().inputs.size() : 0;
}

void nothing_outside_is_read() {
    const Place place;
    auto db = take(stratum::Db::open(place.store(), stratum::Options().durability(stratum::Durability::Os)));
    const auto ids = take(db.put_tree(everything()));
    const auto pinned = take(db.latest().packed_tree(ids.document));
    // Exactly as long as the tree: a read beyond it is one beyond the allocation.
    std::vector<std::uint64_t> words(pinned->size() / 8);
    std::memcpy(words.data(), pinned->data(), pinned->size());
    CHECK(walk(words, pinned->size()) == ids.input_count);
    std::size_t refused = 0;
    auto *bytes = reinterpret_cast<std::uint8_t *>(words.data());
    for (std::size_t at = 0; at < pinned->size(); ++at) {
        for (const std::uint8_t change : {0x01, 0x80, 0xff}) {
            bytes[at] ^= change;
            refused += walk(words, pinned->size()) != ids.input_count ? 1 : 0;
            bytes[at] ^= change;
        }
    }
    CHECK(refused > 100);
    for (std::size_t length = 0; length < words.size(); ++length) {
        std::vector<std::uint64_t> shorter(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
        if (length > 2) {
            // The length in the header made to fit.
            const std::uint32_t eighths = static_cast<std::uint32_t>(length);
            std::memcpy(reinterpret_cast<std::uint8_t *>(shorter.data()) + 8, &eighths, sizeof eighths);
        }
        CHECK(walk(shorter, 8 * length) <= ids.input_count);
    }
}

} // namespace

int main() {
    packed_is_what_decoded_is();
    nothing_outside_is_read();
    std::puts("packed: ok");
}
