/* Files and directories. */
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end of the file, whatever its length was a moment ago. */
static int read_all(struct arena *arena, int file, size_t expected, const char *path, struct stratum_text *bytes)
{
    size_t capacity = expected + 1, length = 0;
    char *data = arena_allocate(arena, capacity + 1);

    for (;;) {
        ssize_t got = read(file, data + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return complain("%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            break;
        length += (size_t)got;
        if (length == capacity) {
            data = arena_grow(arena, data, length, 2 * capacity + 1, 1);
            capacity *= 2;
        }
    }
    data[length] = '\0';
    bytes->data = data;
    bytes->length = length;
    return 0;
}

int read_file(struct arena *arena, const char *path, struct stratum_text *bytes)
{
    struct stat status;
    int file, result;

    /* Without O_NONBLOCK a pipe of that name would keep us waiting for a writer. */
    file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return complain("%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(file, &status) != 0)
        result = complain("%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        result = complain("%s: not a regular file", path);
    else
        result = read_all(arena, file, (size_t)status.st_size, path, bytes);
    close(file);
    return result;
}

int write_file(const char *path, struct stratum_text bytes)
{
    FILE *file = fopen(path, "wb");
    bool written;

    if (file == NULL)
        return complain("%s: cannot be created: %s", path, strerror(errno));
    written = bytes.length == 0 || fwrite(bytes.data, 1, bytes.length, file) == bytes.length;
    if (fclose(file) != 0 || !written)
        return complain("%s: cannot be written: %s", path, strerror(errno));
    return 0;
}

int make_directories(struct arena *arena, const char *path)
{
    char *partial = arena_format(arena, "%s", path);
    char *at = partial;

    do {
        at = strchr(at + 1, '/');
        if (at != NULL)
            *at = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return complain("%s: cannot be created: %s", partial, strerror(errno));
        if (at != NULL)
            *at = '/';
    } while (at != NULL && at[1] != '\0');
    if (!is_directory(path))
        return complain("%s: not a directory", path);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int list_directory(struct arena *arena, const char *path, char ***names, size_t *count)
{
    size_t capacity = 0;
    struct dirent *entry;
    DIR *directory = opendir(path);

    *names = NULL;
    *count = 0;
    if (directory == NULL)
        return complain("%s: cannot be opened: %s", path, strerror(errno));
    for (errno = 0; (entry = readdir(directory)) != NULL; errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        if (*count == capacity) {
            capacity = 2 * capacity + 16;
            *names = arena_grow(arena, *names, *count, capacity, sizeof **names);
        }
        (*names)[(*count)++] = arena_format(arena, "%s", entry->d_name);
    }
    if (errno != 0) {
        complain("%s: cannot be read: %s", path, strerror(errno));
        closedir(directory);
        return -1;
    }
    closedir(directory);
    if (*count > 0)
        qsort(*names, *count, sizeof **names, by_bytes);
    return 0;
}

bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}
