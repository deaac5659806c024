// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The few declarations of BPF that the programs use: helper numbers and attributes are kernel ABI.
 * Written here, so that a build needs clang and nothing else.
 */
#ifndef CATENA_BPF_BASE_H
#define CATENA_BPF_BASE_H

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __ulong(name, value) enum { CATENA_UNIQUE(__u_, name) = value } name
#define CATENA_UNIQUE(a, b) a##b
#define __type(name, value) typeof(value) *name
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __arena __attribute__((address_space(1)))
#define __ksym __attribute__((section(".ksyms")))
#define __core __attribute__((preserve_access_index))

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_ARENA = 33 };
enum { BPF_F_MMAPABLE = 1 << 10 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static unsigned long long (*const bpf_ktime_get_ns)(void) = (void *)5;
static unsigned long long (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*const bpf_probe_read_kernel)(void *to, unsigned int bytes, const void *from) = (void *)113;

/* A loop's "and": the verifier accepts the loop, the kernel ends it if it runs for ever. */
#define can_loop                                                                    \
	({                                                                          \
		__label__ l_break, l_continue;                                      \
		_Bool more = 1;                                                     \
		asm volatile goto("may_goto %l[l_break]" ::: : l_break);            \
		goto l_continue;                                                    \
	l_break:                                                                    \
		more = 0;                                                           \
	l_continue:;                                                                \
		more;                                                               \
	})

#endif
