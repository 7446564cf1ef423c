# SPDX-License-Identifier: GPL-2.0-or-later
"""Sweeps: the report of `replug cycles` over a grid of parameters, as one table."""
