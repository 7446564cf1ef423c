# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the emulator is, against others that run the same guest programs."""
