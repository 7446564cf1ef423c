# SPDX-License-Identifier: GPL-2.0-or-later
"""Cycle-count reports: what each named path of a guest cost, under which model."""
