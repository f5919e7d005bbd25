/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of ioctl(2) that the vfs answers for files of any file system. */
#pragma once

#include <stdint.h>

#include "base/util.h"

struct file;
struct task;

#define NOT_OF_FILES 1

/* NOT_OF_FILES: no such request, ask the driver. */
long file_request(struct task *t, struct file *f, uint32_t cmd, uint64_t arg) must_check;
