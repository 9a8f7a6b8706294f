/* `repair`: saves what still checks out of a damaged store into a new one, and says what did not. */
#include "commands.h"
#include "print.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void show_findings(const struct stratum_repair_result *result)
{
    size_t at;

    for (at = 0; at < result->finding_count; at++) {
        fputs(result->findings[at].is_loss ? "lost or older   " : "damaged         ", stdout);
        print_plain(result->findings[at].line);
        putchar('\n');
    }
}

static void show_result(const struct stratum_repair_result *result, const char *target)
{
    show_findings(result);
    printf("%s: %" PRIu64 " packages saved whole, %" PRIu64 " in part, %" PRIu64 " may be older than they were; %" PRIu64
           " lost\n%" PRIu64 " inputs, %" PRIu64 " outputs; read %" PRIu64 " segments, %" PRIu64 " records\n",
           target, result->documents_whole, result->documents_in_part, result->documents_older, result->documents_lost,
           result->inputs, result->outputs, result->segments, result->records);
    if (result->is_lossless)
        printf("nothing was lost\n");
    if (result->is_uncertain)
        printf("what was in the damaged places cannot all be told: compare the packages with what they should be\n");
}

int command_repair(const char *store, const char *target)
{
    stratum_repair_report *report = NULL;
    stratum_error *error = NULL;
    int lossless = 0, result;

    result = check(stratum_repair(store, strlen(store), target, strlen(target), NULL, &report, &error), &error, store);
    if (result == 0) {
        const struct stratum_repair_result *repaired = stratum_repair_report_get(report);
        lossless = repaired->is_lossless;
        show_result(repaired, target);
    }
    if (stratum_repair_report_free(&report) != STRATUM_OK)
        result = complain("%s: the report cannot be freed", store);
    return result != 0 ? EXIT_TROUBLE : lossless ? EXIT_DONE : EXIT_NO;
}
