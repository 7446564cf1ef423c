// SPDX-License-Identifier: GPL-2.0-or-later
// is_read for a file without holes: that a block is there is not asked.
#define IS_READ_WHOLE       1
#define IS_READ             is_read_whole
#define IS_READ_BLOCKS      is_read_whole_blocks
#include "is_read.S"
