/* SPDX-License-Identifier: Apache-2.0 */
/* A line in the log when the sentry itself fails: where, so that it can be found in the binary. */
#pragma once

void crash_handlers_install(void);
