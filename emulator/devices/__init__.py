# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices of the `virt` machine, apart from the CLINT, which the engine answers itself."""
