// SPDX-License-Identifier: GPL-2.0-or-later
// false: ends with status 1.
int main(void)
{
    return 1;
}
