/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2) as the x86-64 guest sees it. */
#pragma once

#define LX_TFD_CLOEXEC             02000000
#define LX_TFD_NONBLOCK            04000
#define LX_TFD_TIMER_ABSTIME       1
#define LX_TFD_TIMER_CANCEL_ON_SET 2
#define LX_TFD_IOC_SET_TICKS       0x40085400u
