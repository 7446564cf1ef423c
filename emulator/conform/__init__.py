# SPDX-License-Identifier: GPL-2.0-or-later
"""Conformance suites: many small test programs that say by themselves whether they pass."""
