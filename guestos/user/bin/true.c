// SPDX-License-Identifier: GPL-2.0-or-later
// true: ends with status 0.
int main(void)
{
    return 0;
}
