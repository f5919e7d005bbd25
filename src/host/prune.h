/* SPDX-License-Identifier: Apache-2.0 */
/* Tidying a layer after its changes were taken over. */
#pragma once

#include "base/util.h"

/*
 * Removes what says nothing any more: whiteouts of names the host does not have, and empty
 * directories that are the host's. root_fd: the layer's root; base_fd: the host's directory it lies
 * over, O_PATH.
 */
int prune_layer(int root_fd, int base_fd) must_check;
