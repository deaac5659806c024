// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel-hook: runs the interpreter at the tracepoint io_uring_complete, which the kernel passes under
 * the ring's completion lock whenever it posts a completion. On a resident ring (SQPOLL) the next
 * request is written into the submission ring that the kernel's thread polls: no system call. On an
 * in-context ring the caller is inside io_uring_enter; it reaps, and enters again only if the program
 * wrote a request.
 *
 * The tracepoint fires for every ring of the machine. Ours are told by the tag in user_data, and then
 * by the address of the kernel's ring, which a ring's first completion (CATENA_KIND_REGISTER) bound to
 * its number, in a map that user space does not write. All else leaves after one comparison.
 *
 * Two programs, one of which is loaded: the tracepoint's arguments changed between Linux 6.12 and 6.18.
 */
#include "chain.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << 20); /* pages: 4 GiB of addresses, backed when touched */
} arena SEC(".maps");

/* What a ring number stands for: the kernel's ring and the process that may speak for it. */
struct catena_owner {
	u64 context;
	u64 nonce;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CATENA_MAX_RINGS);
	__type(key, u32);
	__type(value, struct catena_owner);
} owners SEC(".maps");

struct io_uring_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
};

struct io_ring_ctx {
	u32 cached_cq_tail;
} __core;

/* typed: the verifier knows what `context` points to. */
static __always_inline int completion(struct io_ring_ctx *context, _Bool typed, u64 data, s32 result)
{
	u32 number = data >> 36 & (CATENA_MAX_RINGS - 1);
	u32 kind = data >> 44 & 0xf;
	struct catena_ring __arena *ring;
	struct catena_owner *owner;

	if (data >> 48 != CATENA_TAG)
		return 0;
	asm volatile("" ::"r"(&arena)); /* tells the verifier which arena */
	owner = bpf_map_lookup_elem(&owners, &number);
	if (!owner)
		return 0;
	ring = ring_at(number);
	if (kind == CATENA_KIND_REGISTER) {
		/* the nonce was put into the map by the loader; it is good for one ring, once */
		if (owner->context == 0 && owner->nonce != 0 && (u32)result == 0 && (data & 0xfffffffull) == (owner->nonce & 0xfffffffull)) {
			owner->context = (u64)context;
			owner->nonce = 0;
			ring->registered = 1;
		}
	}
	if (owner->context != (u64)context || !ring->steering)
		return 0;
	if (ring->resident) {
		u32 tail = 0;

		if (typed)
			tail = context->cached_cq_tail;
		else
			bpf_probe_read_kernel(&tail, sizeof(tail), &context->cached_cq_tail);
		/* nobody reaps this ring: keep its completion queue empty, unless an event was missed */
		if (U32(ring->cq_head) + 1 == tail)
			U32(ring->cq_head) = tail;
		else
			ring->missed++;
	}
	catena_dispatch(number, data, result);
	return 0;
}

/* where the completion itself is passed (seen on Linux 6.18) */
SEC("tp_btf/io_uring_complete")
int hook_cqe(u64 *arguments)
{
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)arguments[2];

	return completion((struct io_ring_ctx *)arguments[0], 1, cqe->user_data, cqe->res);
}

/* before (seen on Linux 6.12): the ring as a void pointer, request, user_data, result, flags, extra1, extra2 */
SEC("tp_btf/io_uring_complete")
int hook_fields(u64 *arguments)
{
	return completion((struct io_ring_ctx *)arguments[0], 0, arguments[2], (s32)arguments[3]);
}
