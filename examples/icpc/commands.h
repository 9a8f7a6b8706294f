/* The commands. Each gives the exit status of the program. */
#ifndef STRATUM_ICPC_COMMANDS_H
#define STRATUM_ICPC_COMMANDS_H

#include "compare.h"
#include "util.h"

int command_import(const char *store, char *const *directories, int count);
int command_list(const char *store);
int command_show(const char *store, const char *name_or_id);
int command_export(const char *store, const char *name_or_id, const char *directory);
int command_verify(const char *store);
int command_repair(const char *store, const char *target);

/* NULL for `comparison`: as the package says. */
int command_judge(const char *store, const char *name_or_id, const char *directory,
                  const struct comparison *comparison);

#endif
