/* SPDX-License-Identifier: Apache-2.0 */
/* What names.c and rename.c share. No locks are held when these are called. */
#pragma once

#include "kernel/vfs/walk_state.h"

#define NAME_RACES 16 /* how often a name may change its meaning under a call */

/* s.last in s.cur: a new reference. */
int name_find(struct walk *s, struct dentry **ret) must_check;
/* The errno of removing or moving what is not there: Linux asks the mount before it looks. */
int name_missing(const struct walk *s) must_check;
/* May s.last be made in s.cur? */
int name_may_create(const struct walk *s) must_check;
/* May `victim` be removed from s.cur, as a directory or as something else? */
int name_may_remove(const struct walk *s, struct dentry *victim, bool as_dir) must_check;
