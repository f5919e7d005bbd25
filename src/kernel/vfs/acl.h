/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control lists: acl(5). They are stored and kept consistent with the mode by the file
 * system, as the attributes system.posix_acl_access and system.posix_acl_default; what they mean
 * for a guest user is found out here. That a node has none is remembered where nobody outside can
 * give it one; each list that is set makes all nodes of the super be asked again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct attr;
struct cred;
struct node;
struct walkctx;

/* 0 or -EACCES for a user who is not n's owner; 1: no list, the mode decides. No locks held. */
int acl_permission(struct node *n, const struct cred *c, const struct attr *a, uint32_t may)
    must_check;
/* Could a list, of what has these attributes, say something else than they do? */
bool acl_may_matter(const struct cred *c, const struct attr *a);
/* Has n an access list that says more than its mode? */
bool acl_is_extended(struct node *n);
/* The mode of what is made in dir: less the umask, unless dir has a list to be inherited. */
uint32_t acl_creation_mode(const struct walkctx *w, struct node *dir, uint32_t mode);

bool acl_is_name(const char *xattr);
/* A list of n was set or removed. */
void acl_changed(struct node *n);
