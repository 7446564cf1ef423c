# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings that hold for all unit tests."""

from hypothesis import settings

# How long an example takes says more about the machine's load than about the code: no deadline, unless a
# test sets one of its own.
settings.register_profile("replug", deadline=None)
settings.load_profile("replug")
