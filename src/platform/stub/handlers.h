/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "platform/stub/stub.h"

/* Installs the host signal handlers; `trap` replaces the one for SIGTRAP, NULL: the ordinary one.
 */
void handlers_install(void (*trap)(int, struct frame_info *, struct frame_context *));
