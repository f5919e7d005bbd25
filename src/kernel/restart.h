/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that never reach the guest: an interrupted call says how it is to be resumed, and signal
 * delivery turns that into EINTR or a restart (signal(7), "Interruption of system calls").
 */
#pragma once

enum {
    ERESTARTSYS = 512,           /* restart if the handler has SA_RESTART or there is no handler */
    ERESTARTNOINTR = 513,        /* always restart */
    ERESTARTNOHAND = 514,        /* restart only when no handler runs */
    ERESTART_RESTARTBLOCK = 516, /* resume through restart_syscall(2) when no handler runs */
};
