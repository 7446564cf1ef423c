/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path marks for C: notes in the ELF that tell the host which instructions begin, end and describe a path whose cost is
 * reported (`replug cycles`).  The same notes as replug.inc leaves from assembly; that file has their layout.
 *
 *     long sys_read(int fd, char *to, long bytes)
 *     {
 *         REPLUG_PATH_BEGIN("read");
 *         ...
 *         REPLUG_PATH_VALUE("read", "bytes", bytes);
 *         REPLUG_PATH_END("read");
 *         return bytes;
 *     }
 *
 * A mark costs no instruction: it speaks of the one that the compiler puts next.  Marks stay in their order, and memory
 * accesses do not move across them; arithmetic may, as across any point of C.  A value that a mark records has to be in
 * some register there, and the compiler puts it there if it is not: the one thing that may cost an instruction.
 * Names are string literals.  Every way out of a path needs its own REPLUG_PATH_END.
 *
 * The same path may be open several times in one thread (nested or recursive); a mark means the innermost instance.
 */
#ifndef REPLUG_H
#define REPLUG_H

#ifndef __riscv
#error "path marks are for RISC-V guests"
#endif

/* The number of a register from its name, which is all that a template is given. */
#define REPLUG_REGISTER_NUMBERS                                                                                          \
    ".set .Lreplug_zero, 0\n.set .Lreplug_ra, 1\n.set .Lreplug_sp, 2\n.set .Lreplug_gp, 3\n.set .Lreplug_tp, 4\n"          \
    ".set .Lreplug_t0, 5\n.set .Lreplug_t1, 6\n.set .Lreplug_t2, 7\n.set .Lreplug_s0, 8\n.set .Lreplug_fp, 8\n"           \
    ".set .Lreplug_s1, 9\n.set .Lreplug_a0, 10\n.set .Lreplug_a1, 11\n.set .Lreplug_a2, 12\n.set .Lreplug_a3, 13\n"        \
    ".set .Lreplug_a4, 14\n.set .Lreplug_a5, 15\n.set .Lreplug_a6, 16\n.set .Lreplug_a7, 17\n.set .Lreplug_s2, 18\n"       \
    ".set .Lreplug_s3, 19\n.set .Lreplug_s4, 20\n.set .Lreplug_s5, 21\n.set .Lreplug_s6, 22\n.set .Lreplug_s7, 23\n"       \
    ".set .Lreplug_s8, 24\n.set .Lreplug_s9, 25\n.set .Lreplug_s10, 26\n.set .Lreplug_s11, 27\n.set .Lreplug_t3, 28\n"     \
    ".set .Lreplug_t4, 29\n.set .Lreplug_t5, 30\n.set .Lreplug_t6, 31\n"

/* `number` is a text that the assembler reads as the register's number. */
#define REPLUG_NOTE(kind, number, name, detail)                                                                          \
    ".Lreplug_path_%=:\n"                                                                                                \
    ".pushsection .note.replug, \"\", @note\n"                                                                           \
    ".balign 4\n"                                                                                                        \
    ".4byte 7, .Lreplug_end_%= - .Lreplug_description_%=, " #kind "\n"                                                    \
    ".asciz \"Replug\"\n"                                                                                                \
    ".byte 0\n"                                                                                                          \
    ".Lreplug_description_%=:\n"                                                                                         \
    ".8byte .Lreplug_path_%=\n"                                                                                          \
    ".4byte " number ", 0\n"                                                                                             \
    ".asciz \"" name "\"\n"                                                                                              \
    ".asciz \"" detail "\"\n"                                                                                            \
    ".Lreplug_end_%=:\n"                                                                                                 \
    ".balign 4\n"                                                                                                        \
    ".popsection"

#define REPLUG_MARK(kind, name, detail) __asm__ volatile(REPLUG_NOTE(kind, "0", name, detail) ::: "memory")
#define REPLUG_MARK_WITH(kind, name, detail, value)                                                                      \
    __asm__ volatile(REPLUG_REGISTER_NUMBERS REPLUG_NOTE(kind, ".Lreplug_%0", name, detail)::"r"(value) : "memory")

/* An instance of the path opens for the current thread. */
#define REPLUG_PATH_BEGIN(name) REPLUG_MARK(1, name, "")

/* The innermost open instance closes before the next instruction counts. */
#define REPLUG_PATH_END(name) REPLUG_MARK(2, name, "")

/* The innermost instance is in this step from here on. */
#define REPLUG_PATH_STEP(name, step) REPLUG_MARK(3, name, step)

/* The innermost instance is reported as this variant; "+x" appends to the variant it has. */
#define REPLUG_PATH_IS(name, variant) REPLUG_MARK(4, name, variant)

/* The innermost instance gets a parameter with this value, an integer or a pointer. */
#define REPLUG_PATH_VALUE(name, parameter, value) REPLUG_MARK_WITH(5, name, parameter, value)

/* The thread on this hart is now the one that `value` names: its address, say.  Only what is done while its thread has a
 * hart counts for a path; a thread takes its open paths along to whichever hart goes on with it. */
#define REPLUG_PATH_THREAD(value) REPLUG_MARK_WITH(6, "", "", value)

/* Code generated at run time is complete: it starts at this address, as this hart would fetch it, and has so many bytes.
 * Reports call it `name`; `template` is the symbol that it was copied from, instruction by instruction, whose lines then
 * tell its costs, or "". */
#define REPLUG_CODE_GENERATED(name, template, start, bytes)                                                              \
    do {                                                                                                                 \
        REPLUG_MARK_WITH(7, name, template, start);                                                                      \
        REPLUG_MARK_WITH(8, name, "length", bytes);                                                                      \
    } while (0)

#endif
