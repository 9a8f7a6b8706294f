// The same in C++: the header is valid C++ and its functions have C linkage.
#include <cstring>
#include <iostream>

#include <stratum.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    stratum_db *db = nullptr;
    stratum_error *error = nullptr;
    std::uint64_t document = 0, count = 0;
    const stratum_value value = stratum_value_string("hello", 5);
    if (stratum_db_open(argv[1], std::strlen(argv[1]), nullptr, &db, &error) != STRATUM_OK ||
        stratum_db_create_document(db, nullptr, 0, nullptr, 0, &document, &error) != STRATUM_OK ||
        stratum_db_append_input(db, document, &value, nullptr, &error) != STRATUM_OK ||
        stratum_view_input_count(stratum_db_latest(db), document, &count, &error) != STRATUM_OK ||
        stratum_db_close(&db, &error) != STRATUM_OK) {
        std::cerr << stratum_error_message(error) << '\n';
        stratum_error_free(&error);
        return 1;
    }
    return count == 1 ? 0 : 1;
}
