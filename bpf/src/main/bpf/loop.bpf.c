// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel-loop: runs the interpreter inside io_uring_enter (struct_ops io_uring_bpf_ops, Linux 7.1 and newer). On a ring
 * that this is attached to, the kernel calls loop_step instead of its own wait for completions, again and again until it
 * returns 1: each time the program handles all completions there are, submits what that led to, and says how far the
 * completion queue must grow before it wants to be called again. The thread sleeps in between; it comes back to user
 * space when what it waits for is there (catena_ring.waiting).
 *
 *   enter ──► loop_step ──► handle completions ──► submit ──┬─ more completions, or not all submitted: again
 *                 ▲                                         ├─ what the thread waits for is there: return
 *                 └────── one more completion ◄── sleep ◄───┘
 *
 * It runs in the ring's one thread, under the ring's lock, and may sleep and be preempted. So unlike at the hook, program
 * and Java never act on a ring at once, and no completion is missed: all are in the queue.
 *
 * Which ring it is called for is told by the kernel's address of the ring. The loader announces one ring at a time in a
 * map that only it writes, attaches the program to that ring, and enters it: the one unknown address is that ring's.
 *
 * struct_ops names the ring by a descriptor that is fixed when the object is loaded, so there is one map (loop_0, ...)
 * for each ring that may be open at a time. They share the program.
 */
#include "chain.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Completions handled before the kernel gets a look at signals and other work. */
#define BATCH 1024
#define SLOTS 16

enum { LOOP_CONTINUE = 0, LOOP_STOP = 1 };

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << 20); /* pages: 4 GiB of addresses, backed when touched */
} arena SEC(".maps");

struct loop_owner {
	u64 context; /* 0 until the ring was entered first */
	u32 number;  /* ring number + 1; 0: nobody */
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct loop_owner);
} owners SEC(".maps");

/* The kernel's. The first's name changed in Linux 7.2, which nobody minds as long as it is a struct. */
struct io_ring_ctx {
};

struct iou_loop_params {
	u32 cq_wait_idx; /* call again when the completion queue's tail is here */
};

struct io_uring_bpf_ops {
	int (*loop_step)(struct io_ring_ctx *, struct iou_loop_params *);
	u32 ring_fd;
};

extern int bpf_io_uring_submit_sqes(struct io_ring_ctx *context, u32 count) __ksym;

/* The ring's number + 1; 0 if it is not ours. */
static __always_inline u32 ring_number(u64 context)
{
	struct loop_owner *unbound = 0;
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++) {
		u32 key = slot;
		struct loop_owner *owner = bpf_map_lookup_elem(&owners, &key);

		if (!owner || owner->number == 0)
			continue;
		if (owner->context == context)
			return owner->number;
		if (owner->context == 0)
			unbound = owner;
	}
	if (!unbound)
		return 0;
	unbound->context = context;
	ring_at(unbound->number - 1)->registered = 1;
	return unbound->number;
}

/* Whether the thread goes on sleeping in the kernel. */
static __always_inline _Bool stays(struct catena_ring __arena *ring)
{
	u32 waiting = ring->waiting;
	struct catena_chain __arena *chain = chain_at(waiting - 1);
	u32 awaited = chain->awaited;

	if (!ring->steering || waiting == 0)
		return 0;
	return waiting == CATENA_WAITING_ALWAYS ||
	       (chain->state == CATENA_CHAIN_RUNNING && (awaited == 0 || step_at(chain, awaited - 1)->state < CATENA_STEP_DONE));
}

SEC("struct_ops.s/loop_step")
int loop_step(u64 *arguments)
{
	struct io_ring_ctx *context = (struct io_ring_ctx *)arguments[0];
	struct iou_loop_params *params = (struct iou_loop_params *)arguments[1];
	u32 number, head, pending, handled = 0;
	struct catena_ring __arena *ring;

	asm volatile("" ::"r"(&arena)); /* tells the verifier which arena */
	number = ring_number((u64)context);
	if (number == 0)
		return LOOP_STOP;
	ring = ring_at(number - 1);
	do {
		head = U32(ring->cq_head);
		if (head != U32(ring->cq_tail)) {
			u32 completion = ring->cqes + (head & ring->cq_mask) * CQE_BYTES;
			u64 data = U64(completion);
			s32 result = U32(completion + 8);

			U32(ring->cq_head) = ++head;
			if (data >> 48 == CATENA_TAG)
				catena_dispatch(number - 1, data, result);
			handled++;
		}
		pending = U32(ring->sq_tail) - U32(ring->sq_head);
		if (pending && (pending > ring->sq_mask / 2 || head == U32(ring->cq_tail))) {
			bpf_io_uring_submit_sqes(context, pending);
			pending = U32(ring->sq_tail) - U32(ring->sq_head);
			if (pending)
				break; /* no memory for requests: the kernel tries again after other work */
		}
	} while (head != U32(ring->cq_tail) && handled < BATCH && can_loop);
	if (head == U32(ring->cq_tail) && !pending && !stays(ring))
		return LOOP_STOP;
	params->cq_wait_idx = pending ? head : head + 1;
	return LOOP_CONTINUE;
}

#define LOOP(slot) SEC(".struct_ops.link") struct io_uring_bpf_ops loop_##slot = { .loop_step = (void *)loop_step }

LOOP(0); LOOP(1); LOOP(2); LOOP(3); LOOP(4); LOOP(5); LOOP(6); LOOP(7);
LOOP(8); LOOP(9); LOOP(10); LOOP(11); LOOP(12); LOOP(13); LOOP(14); LOOP(15);
