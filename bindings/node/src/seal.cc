// The CRCs of a packed tree that lib/encode.cjs laid out ("Packed tree" in docs/format.md): JavaScript would take longer
// for them than for everything else.
//
// 1. Only offsets that lie within the bytes are followed; whether the rest is right is for the library to say.

#include <array>
#include <cstring>

#include "addon.hpp"

namespace node_stratum {

namespace {

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// Eight tables: eight bytes a step.
constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
        }
        tables[0][byte] = crc;
    }
    for (std::size_t table = 1; table < 8; ++table) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t u32_at(const std::uint8_t *bytes) {
    return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
           static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

void set_u32(std::uint8_t *bytes, std::uint32_t value) {
    for (int at = 0; at < 4; ++at) {
        bytes[at] = static_cast<std::uint8_t>(value >> (8 * at));
    }
}

std::uint32_t crc32(const std::uint8_t *bytes, std::size_t length) {
    std::uint32_t crc = 0xffffffff;
    for (; length >= 8; bytes += 8, length -= 8) {
        const std::uint32_t low = u32_at(bytes) ^ crc, high = u32_at(bytes + 4);
        crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
              kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][(high >> 8) & 0xff] ^
              kTables[1][(high >> 16) & 0xff] ^ kTables[0][high >> 24];
    }
    for (; length != 0; ++bytes, --length) {
        crc = (crc >> 8) ^ kTables[0][(crc ^ *bytes) & 0xff];
    }
    return ~crc;
}

}  // namespace

bool seal(std::uint8_t *tree, std::size_t length) {
    constexpr std::size_t kHeader = 80, kEntry = 32;
    if (length < kHeader) {
        return false;
    }
    const auto within = [&](std::size_t from, std::size_t count) { return from <= length && count <= length - from; };
    const std::size_t entries = u32_at(tree + 24);
    const std::size_t columns = 8 * std::size_t{u32_at(tree + 32)}, columns_length = 8 * std::size_t{u32_at(tree + 36)};
    const std::size_t blob = 8 * std::size_t{u32_at(tree + 40)};
    const std::size_t blob_length = u32_at(tree + 48) | static_cast<std::size_t>(u32_at(tree + 52)) << 32;
    if (!within(kHeader, entries * kEntry) || !within(columns, columns_length) || !within(blob, blob_length)) {
        return false;
    }
    for (std::size_t at = 0; at < entries; ++at) {
        std::uint8_t *entry = tree + kHeader + at * kEntry;
        std::size_t part = 8 * std::size_t{u32_at(entry + 4)};
        for (std::size_t field = 0; field < 3; ++field) {
            const std::size_t count = 8 * std::size_t{u32_at(entry + 8 + 4 * field)};
            if (!within(part, count)) {
                return false;
            }
            set_u32(entry + 20 + 4 * field, crc32(tree + part, count));
            part += count;
        }
    }
    set_u32(tree + 44, crc32(tree + blob, blob_length));
    set_u32(tree + 56, crc32(tree + kHeader, entries * kEntry));
    set_u32(tree + 60, crc32(tree + columns, columns_length));
    set_u32(tree + 76, crc32(tree, 76));
    return true;
}

}  // namespace node_stratum
