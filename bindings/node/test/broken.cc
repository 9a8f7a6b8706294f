// Bugs on purpose, of the kinds that the addon could have: the tests see first that the sanitizer finds them.

#include <node_api.h>
#include <stratum.h>

#include <string>

namespace {

// broken(bug, bytes): 'overrun' reads the byte behind an array of JavaScript's, 'freed' a message of the library's that
// was given back; 'none' does neither. Gives 'no bug'.
napi_value broken(napi_env env, napi_callback_info info) {
    std::size_t count = 2, length = 0;
    napi_value arguments[2], value;
    char bug[16];
    void *data = nullptr;
    stratum_db *db = nullptr;
    stratum_error *error = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok ||
        napi_get_value_string_utf8(env, arguments[0], bug, sizeof bug, nullptr) != napi_ok ||
        napi_get_typedarray_info(env, arguments[1], nullptr, &length, &data, nullptr, nullptr) != napi_ok ||
        stratum_db_open("", 0, nullptr, &db, &error) == STRATUM_OK) {
        return nullptr;
    }
    const std::string which = bug;
    const char *message = stratum_error_message(error);
    std::string said = "no bug";
    said[0] = static_cast<const char *>(data)[which == "overrun" ? length : length - 1] == 0 ? 'n' : 'N';
    if (which == "freed") {
        stratum_error_free(&error);
        said[0] = message[0];
    }
    stratum_error_free(&error);
    return napi_create_string_utf8(env, said.data(), said.size(), &value) == napi_ok ? value : nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
    napi_value function;
    (void)exports;
    const napi_status made = napi_create_function(env, "broken", NAPI_AUTO_LENGTH, broken, nullptr, &function);
    return made == napi_ok ? function : nullptr;
}
