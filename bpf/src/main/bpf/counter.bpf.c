// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts, from outside, what one process asks of the kernel: its system calls, by number, and the
 * voluntary context switches of its threads.
 *
 * Why a program of its own: neither side of a comparison may count itself, getrusage() does not know
 * system calls, and ptrace would slow the process down many times over. Here a call costs one more map
 * look-up and one atomic add, the same for either side.
 *
 *   target[0]    process (thread group) to count; 0: nobody, and then the programs return at once
 *   syscalls[n]  calls of system call n since the last reset; numbers beyond the table go to its last slot
 *   switches[0]  times a thread of the process gave up its CPU to wait (not: was preempted)
 *
 * User space writes target and zeroes the counts between phases. Kernel threads that io_uring makes for
 * the process (its polling thread, its workers) belong to the thread group: their switches count, and
 * they make no system calls. The numbers of processes are those of the initial PID namespace.
 *
 * Both programs run with preemption off, on every CPU at once: counts are added atomically.
 */

typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define MAP_ARRAY 2
#define SYSCALL_SLOTS 512

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*const get_current_pid_tgid)(void) = (void *)14;

/* The one field that is read; its place comes from the running kernel's BTF at load (CO-RE). */
struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));

struct {
	int (*type)[MAP_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	u32 *value;
} target SEC(".maps");

struct {
	int (*type)[MAP_ARRAY];
	int (*max_entries)[SYSCALL_SLOTS];
	u32 *key;
	u64 *value;
} syscalls SEC(".maps");

struct {
	int (*type)[MAP_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	u64 *value;
} switches SEC(".maps");

static inline __attribute__((always_inline)) int is_target(u32 tgid)
{
	u32 zero = 0;
	u32 *wanted = map_lookup(&target, &zero);

	return wanted && *wanted != 0 && *wanted == tgid;
}

/* Arguments of sys_enter: [0] registers, [1] number of the call. */
SEC("tp_btf/sys_enter")
int count_syscall(u64 *args)
{
	if (!is_target(get_current_pid_tgid() >> 32))
		return 0;
	u32 slot = args[1] < SYSCALL_SLOTS ? (u32)args[1] : SYSCALL_SLOTS - 1;
	u64 *count = map_lookup(&syscalls, &slot);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

/* Arguments of sched_switch: [0] preempted, [1] the task that leaves, [2] the one that comes, [3] state of [1]. */
SEC("tp_btf/sched_switch")
int count_switch(u64 *args)
{
	int preempted = (args[0] & 0xff) != 0;
	struct task_struct *leaving = (struct task_struct *)args[1];
	u32 leaving_state = (u32)args[3];

	if (preempted || leaving_state == 0 /* still runnable: it yielded */ || !is_target(leaving->tgid))
		return 0;
	u32 zero = 0;
	u64 *count = map_lookup(&switches, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
