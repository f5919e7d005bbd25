/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a new tmpfs with what was at its mount point ("tmpcopyup"), before any guest runs. */
#pragma once

#include "base/util.h"

struct node;

/*
 * Copies what is in directory `from`, on its own file system, into the empty directory `to`, whose
 * own mode, owner and times become from's. Directories, files, symlinks, FIFOs and sockets; device
 * nodes are left out. Errors are the file systems'; -ELOOP: deeper than 64 directories.
 */
int copy_tree(struct node *from, struct node *to) must_check;
