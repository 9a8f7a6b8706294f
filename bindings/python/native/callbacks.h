/* What the library calls back; shared with the cffi module, which has the functions of Python's. */
#ifndef STRATUM_CALLBACKS_H
#define STRATUM_CALLBACKS_H

#include "stratum.h"

/* Defined by the cffi module. */
int32_t stratum_python_progress(const stratum_progress *progress, void *context);
int32_t stratum_python_repair_progress(const stratum_repair_progress *progress, void *context);

/* The same, for the library: a thread that Python ends does not come back from them. */
int32_t codec_progress(const stratum_progress *progress, void *context);
int32_t codec_repair_progress(const stratum_repair_progress *progress, void *context);

#endif
