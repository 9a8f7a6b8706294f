/*
 * What the library calls back: goes on to Python (progress.py), and comes back whatever becomes of the thread there.
 *
 * 1. CPython up to 3.13 ends a thread that asks for the GIL while the process exits, by pthread_exit: that would unwind the
 *    frames of the library, which is Rust and aborts the process then. Such a thread is held where it is instead, as later
 *    versions of CPython do; it goes with the process.
 */
#include <pthread.h>
#include <unistd.h>

#include "callbacks.h"

static void hold(void *context)
{
    (void)context;
    for (;;)
        pause();
}

int32_t codec_progress(const stratum_progress *progress, void *context)
{
    int32_t goes_on;
    pthread_cleanup_push(hold, NULL);
    goes_on = stratum_python_progress(progress, context);
    pthread_cleanup_pop(0);
    return goes_on;
}

int32_t codec_repair_progress(const stratum_repair_progress *progress, void *context)
{
    int32_t goes_on;
    pthread_cleanup_push(hold, NULL);
    goes_on = stratum_python_repair_progress(progress, context);
    pthread_cleanup_pop(0);
    return goes_on;
}
