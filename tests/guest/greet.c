/* SPDX-License-Identifier: Apache-2.0 */
/* The same through libc; built static, static-pie, non-PIE and dynamic. */
#include <stdio.h>

int main(void)
{
    return puts("ok greet") < 0;
}
