# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine finds in its RAM when it starts: images, and the device tree that describes it."""
