# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens when: events in virtual time."""
