/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory of both layers holds, as one list: a state of one moment. */
#pragma once

#include "fs/union/internal.h"

struct listing;

/* -ENOMEM, and what reading the layers gives. */
int listing_new(struct union_node *dir, struct listing **ret) must_check;
void listing_free(struct listing *l);
/* Emits from *pos on and moves it; positions are places in the list. */
void listing_emit(const struct listing *l, int64_t *pos, struct dirsink *out);

struct strbuf;

/* The names in a directory of a layer, without the dots, each with its NUL. *ret is the caller's.
 */
int layer_names(struct node *dir, struct strbuf *ret) must_check;
/* Reads a directory of a layer from the beginning. */
int layer_list(struct node *dir, struct dirsink *out) must_check;
/* What a guest sees of an entry of dir's upper: its number; false: nothing, it is a whiteout. */
bool entry_shown(struct union_node *dir, const char *name, uint64_t *io_ino, uint32_t type);
/* [tree_lock not held] The number of "..". */
uint64_t parent_ino(struct union_node *dir);
