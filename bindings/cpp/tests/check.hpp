// CHECK, which says where it failed and ends the program in status 1; and a directory for a store.

#ifndef STRATUM_TESTS_CHECK_HPP
#define STRATUM_TESTS_CHECK_HPP

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stratum/stratum.hpp>
#include <string>

#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                       \
            std::exit(1);                                                                                              \
        }                                                                                                              \
    } while (0)

/// A directory of its own, gone with the object.
class Place {
public:
    Place() {
        std::string pattern = (std::filesystem::temp_directory_path() / "stratum-cpp-XXXXXX").string();
        CHECK(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    Place(const Place &) = delete;
    Place &operator=(const Place &) = delete;
    ~Place() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string store() const { return (path_ / "store").string(); }

private:
    std::filesystem::path path_;
};

/// What a result holds; the test ends where it holds an error.
template <class T>
T take(stratum::Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", stratum::name(result.status()), result.error()->what());
        std::exit(1);
    }
    return *std::move(result);
}

#endif
