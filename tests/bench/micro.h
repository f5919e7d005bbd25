/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the program of micro-operations share. */
#pragma once

#include <stddef.h>

struct bench {
    const char *name;
    void (*run)(void);
    void (*prepare)(void); /* before the first round; may be NULL */
};

extern const char *self; /* a file that is there: this program */

void need(int good, const char *what);

/* micro_waits.c: processes that wait for each other. */
extern const struct bench wait_benches[];
extern const size_t n_wait_benches;

/* micro_files.c: names, attributes and data of files below a directory in /tmp. */
extern const struct bench file_benches[];
extern const size_t n_file_benches;
void files_end(void); /* removes what was made */
