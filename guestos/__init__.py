# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest: kernel, user programs and measuring programs in RISC-V assembly, and how they become images."""
