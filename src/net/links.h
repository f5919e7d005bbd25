/* SPDX-License-Identifier: Apache-2.0 */
/* The interfaces of the sandbox's network namespace for the sentry itself: see kernel/links.h. */
#pragma once

#include "kernel/links.h"

extern const struct link_ops host_links;
