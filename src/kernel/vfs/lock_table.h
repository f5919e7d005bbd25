/* SPDX-License-Identifier: Apache-2.0 */
/* The table of file locks as an object of the name space: for vfs/ alone. */
#pragma once

#include "base/util.h"

struct locks;

int locks_new(struct locks **ret) must_check;
void locks_free(struct locks *l); /* NULL does nothing */
