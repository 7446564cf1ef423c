// SPDX-License-Identifier: GPL-2.0-or-later
// is_read where the level with is_read_ahead is enabled: what a descriptor goes down to after a seek. When SEQUENTIAL_STRETCH blocks have
// been read without another one, SEQUENTIAL_ACCESS is true again, and the owner takes the chance when its call is over.
#define IS_READ_CLIMBS      1
#define IS_READ             is_read_climb
#define IS_READ_BLOCKS      is_read_climb_blocks
#include "is_read.S"
