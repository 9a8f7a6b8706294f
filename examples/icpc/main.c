/*
 * stratum-icpc: keeps ICPC / Kattis problem packages in a store, one document each.
 *
 * The model: a document is a package (its statement the blob, its problem.yaml the columns), its inputs are the tests
 * in the judge's order, and the output of an input is the expected answer. See package.h for the whole mapping.
 */
#include "commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char program_name[] = "stratum-icpc";

static const char usage[] =
    "usage: stratum-icpc import STORE PACKAGE_DIR...\n"
    "       stratum-icpc list   STORE\n"
    "       stratum-icpc show   STORE PACKAGE|ID\n"
    "       stratum-icpc judge  STORE PACKAGE|ID CANDIDATE_DIR [OPTION...]\n"
    "       stratum-icpc export STORE PACKAGE|ID DIR\n"
    "       stratum-icpc verify STORE\n"
    "       stratum-icpc repair STORE NEW_STORE\n"
    "\n"
    "import puts problem packages into the store (made where it is missing), each in one atomic step; a package\n"
    "that is there already is replaced under its id. judge compares CANDIDATE_DIR/<group>/<name>.out (or .ans) with\n"
    "the stored outputs, as the package says, or with these options instead:\n"
    "\n"
    "  --exact                         byte for byte\n"
    "  --case-sensitive                tokens must agree in case, too\n"
    "  --space-change-sensitive        white space must agree, too\n"
    "  --float-tolerance EPS           both of the following\n"
    "  --float-absolute-tolerance EPS  numbers may be off by EPS\n"
    "  --float-relative-tolerance EPS  numbers may be off by EPS times the expected one\n"
    "  --tokens                        none of these: tokens, without regard to case\n"
    "\n"
    "repair saves what still checks out of a damaged store into a new one, and leaves the damaged one as it is.\n"
    "\n"
    "Exit status: 0 done; 1 a wrong output, a package that was refused, a damaged store; 2 it could not be done.\n";

static int refuse_usage(void)
{
    fputs(usage, stderr);
    return EXIT_TROUBLE;
}

/* The options of judge; -1 after saying what is wrong with them. Names with `-` are those of the validator with `_`. */
static int parse_options(int argc, char **argv, struct comparison *comparison, bool *given)
{
    static const struct option options[] = {
        {"exact", no_argument, NULL, 'e'},
        {"tokens", no_argument, NULL, 't'},
        {"case-sensitive", no_argument, NULL, 'v'},
        {"space-change-sensitive", no_argument, NULL, 'v'},
        {"float-tolerance", required_argument, NULL, 'v'},
        {"float-absolute-tolerance", required_argument, NULL, 'v'},
        {"float-relative-tolerance", required_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int which = 0, option;

    *comparison = comparison_default();
    *given = false;
    while ((option = getopt_long(argc, argv, "", options, &which)) != -1) {
        char name[32];
        struct stratum_text value = text_of(optarg);
        size_t at;

        if (option == 'h') {
            fputs(usage, stdout);
            exit(EXIT_DONE);
        }
        if (option == '?')
            return -1;
        *given = true;
        if (option == 'e')
            comparison->exact = true;
        if (option != 'v')
            continue;
        snprintf(name, sizeof name, "%s", options[which].name);
        for (at = 0; name[at] != '\0'; at++)
            if (name[at] == '-')
                name[at] = '_';
        if (comparison_option(comparison, text_of(name), &value) == 0)
            return complain("--%s %s: not a tolerance (a number that is not below 0)", options[which].name,
                            optarg != NULL ? optarg : "");
    }
    return 0;
}

static int run(int count, char **words, const struct comparison *comparison, bool given)
{
    const char *command = count > 0 ? words[0] : "";

    if (given && strcmp(command, "judge") != 0)
        return refuse_usage();
    if (strcmp(command, "import") == 0 && count >= 3)
        return command_import(words[1], words + 2, count - 2);
    if (strcmp(command, "list") == 0 && count == 2)
        return command_list(words[1]);
    if (strcmp(command, "show") == 0 && count == 3)
        return command_show(words[1], words[2]);
    if (strcmp(command, "judge") == 0 && count == 4)
        return command_judge(words[1], words[2], words[3], given ? comparison : NULL);
    if (strcmp(command, "export") == 0 && count == 4)
        return command_export(words[1], words[2], words[3]);
    if (strcmp(command, "verify") == 0 && count == 2)
        return command_verify(words[1]);
    if (strcmp(command, "repair") == 0 && count == 3)
        return command_repair(words[1], words[2]);
    return refuse_usage();
}

int main(int argc, char **argv)
{
    struct comparison comparison;
    bool given;
    int status;

    if (parse_options(argc, argv, &comparison, &given) != 0)
        return refuse_usage();
    status = run(argc - optind, argv + optind, &comparison, given);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("standard output cannot be written");
        return EXIT_TROUBLE;
    }
    return status;
}
