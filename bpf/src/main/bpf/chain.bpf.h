// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The interpreter of chains: what happens when a request completes. dev.catena.io.internal.Interpreter
 * is the same text in Java; the contract test runs both over the same chains. A front end (hook.bpf.c)
 * tells it of completions and provides the rings.
 *
 *            begin()                    completion
 *   IDLE ─────────────► RUNNING ──┬── whole ──► data ──► successors ──┐
 *                          ▲      ├── short ──► rest | accept | jump | fail
 *                          │      └── error ──► retry | jump | fail   │
 *                          └───────────────── advance ◄───────────────┘
 *                                               │ nothing in flight, and (failed, or sealed and all looked at)
 *                                               ▼
 *                                           FINISHED ──► one message to the mailbox
 *
 * Invariants
 *  - in_flight counts issued requests whose completion was not handled; FINISHED implies in_flight == 0.
 *  - A step's slot is the steerer's from its issue until its state says done or failed, which is the last thing that
 *    happens to it: user space may fill the slot anew as soon as it sees that.
 *  - A failed chain issues nothing more; it finishes when what is in flight has come back.
 *  - Every request takes one from the budget, so no chain runs for ever.
 *  - dry is set before published and sealed are read for the last time, and user space writes them
 *    before it reads dry (both full barriers): a step is never left behind.
 *
 * Runs under the ring's completion lock, preemption off: what one completion may do is bounded by
 * CATENA_MAX_FANOUT, CATENA_MAX_STEPS and CATENA_MAX_HASHED.
 */
#ifndef CATENA_CHAIN_BPF_H
#define CATENA_CHAIN_BPF_H

#include "bpf_base.h"
#include "catena_chain.h"

enum {
	E_IO = 5, E_AGAIN = 11, E_BUSY = 16, E_INVAL = 22, E_NOSPC = 28,
	E_LOOP = 40, E_NODATA = 61, E_BADMSG = 74,
};

enum {
	IORING_OP_NOP = 0, IORING_OP_FSYNC = 3, IORING_OP_READ = 22, IORING_OP_WRITE = 23, IORING_OP_MSG_RING = 40,
	IORING_FSYNC_DATASYNC = 1, IOSQE_CQE_SKIP_SUCCESS = 1 << 6, SQE_BYTES = 64,
};

#define HEADER ((struct catena_header __arena *)(u64)CATENA_HEADER_OFFSET)
#define U32(offset) (*(volatile u32 __arena *)(u64)(u32)(offset))
#define U64(offset) (*(volatile u64 __arena *)(u64)(u32)(offset))

static __always_inline struct catena_ring __arena *ring_at(u32 number)
{
	return (struct catena_ring __arena *)(u64)(u32)(HEADER->rings + (number & (CATENA_MAX_RINGS - 1)) * sizeof(struct catena_ring));
}

static __always_inline struct catena_chain __arena *chain_at(u32 number)
{
	return (struct catena_chain __arena *)(u64)(u32)(HEADER->chains + (number & (CATENA_MAX_CHAINS - 1)) * sizeof(struct catena_chain));
}

static __always_inline struct catena_step __arena *step_at(struct catena_chain __arena *chain, u32 index)
{
	return (struct catena_step __arena *)(u64)(u32)(chain->steps + (index & (chain->capacity - 1)) * sizeof(struct catena_step));
}

/* An exchange orders all that stands before it with all that follows (BPF has no fence of its own). */
static __always_inline void full_barrier(struct catena_chain __arena *chain)
{
	__sync_lock_test_and_set(&chain->fence, 0);
}

static __always_inline u64 user_data(u64 kind, u64 ring, u64 chain, u64 index, u64 attempt)
{
	return CATENA_TAG << 48 | kind << 44 | ring << 38 | chain << 28 | (index & 0xfffff) << 8 | (attempt & 0xff);
}

/* ---- XXH64 (Yann Collet's specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) ---- */

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull
#define ROTATE(x, r) ((x) << (r) | (x) >> (64 - (r)))

static __always_inline u64 xxh64_round(u64 lane, u64 word)
{
	lane += word * P2;
	return ROTATE(lane, 31) * P1;
}

static __always_inline u64 xxh64_merge(u64 hash, u64 lane)
{
	return (hash ^ xxh64_round(0, lane)) * P1 + P4;
}

__noinline u64 catena_xxh64(u32 offset, u32 length, u64 seed)
{
	u64 p = offset;
	u64 end = p + length;
	u64 hash;

	if (length >= 32) {
		u64 a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
		/* two stripes a turn: half the loop's own cost */
		for (; p + 64 <= end && can_loop; p += 64) {
			u64 __arena *word = (u64 __arena *)p;
			a = xxh64_round(a, word[0]);
			b = xxh64_round(b, word[1]);
			c = xxh64_round(c, word[2]);
			d = xxh64_round(d, word[3]);
			a = xxh64_round(a, word[4]);
			b = xxh64_round(b, word[5]);
			c = xxh64_round(c, word[6]);
			d = xxh64_round(d, word[7]);
		}
		if (p + 32 <= end) {
			u64 __arena *word = (u64 __arena *)p;
			a = xxh64_round(a, word[0]);
			b = xxh64_round(b, word[1]);
			c = xxh64_round(c, word[2]);
			d = xxh64_round(d, word[3]);
			p += 32;
		}
		hash = ROTATE(a, 1) + ROTATE(b, 7) + ROTATE(c, 12) + ROTATE(d, 18);
		hash = xxh64_merge(hash, a);
		hash = xxh64_merge(hash, b);
		hash = xxh64_merge(hash, c);
		hash = xxh64_merge(hash, d);
	} else {
		hash = seed + P5;
	}
	hash += length;
	for (; p + 8 <= end && can_loop; p += 8) {
		hash ^= xxh64_round(0, *(u64 __arena *)p);
		hash = ROTATE(hash, 27) * P1 + P4;
	}
	if (p + 4 <= end) {
		hash ^= (u64)(*(u32 __arena *)p) * P1;
		hash = ROTATE(hash, 23) * P2 + P3;
		p += 4;
	}
	for (; p < end && can_loop; p += 1) {
		hash ^= (u64)(*(u8 __arena *)p) * P5;
		hash = ROTATE(hash, 11) * P1;
	}
	hash = (hash ^ hash >> 33) * P2;
	hash = (hash ^ hash >> 29) * P3;
	return hash ^ hash >> 32;
}

/* ---- the submission ring ---- */

/* Offset of the next free SQE, or 0 if the ring is full. Nobody else writes this ring's SQ tail now. */
static __always_inline u32 sqe_reserve(struct catena_ring __arena *ring)
{
	u32 tail = U32(ring->sq_tail);

	if (tail - U32(ring->sq_head) > ring->sq_mask)
		return 0;
	return ring->sqes + (tail & ring->sq_mask) * SQE_BYTES;
}

/* Fills the reserved SQE (struct io_uring_sqe, as eight words) and publishes it. Volatile: clang must not merge the stores into a memset. */
static __always_inline void sqe_publish(struct catena_ring __arena *ring, u32 sqe, u64 opcode, u64 flags, s32 fd, u64 off,
					u64 addr, u32 length, u64 op_flags, u64 data)
{
	U64(sqe) = opcode | flags << 8 | (u64)(u32)fd << 32;
	U64(sqe + 8) = off;
	U64(sqe + 16) = addr;
	U64(sqe + 24) = length | op_flags << 32;
	U64(sqe + 32) = data;
	U64(sqe + 40) = 0;
	U64(sqe + 48) = 0;
	U64(sqe + 56) = 0;
	/* x86 keeps the order of stores, the compiler that of volatile ones */
	U32(ring->sq_tail) = U32(ring->sq_tail) + 1;
	ring->issued++;
}

/* ---- chains ---- */

static __always_inline void chain_fail(struct catena_chain __arena *chain, u32 index, s32 error)
{
	if (chain->result == 0) {
		chain->result = error;
		chain->failed_step = index;
	}
}

/* What a completion means for its step. */
enum step_outcome { STEP_FAILS, STEP_WHOLE, STEP_GOES_ON, STEP_JUMPS };

/* Issues what is left of a step. A step that cannot be issued fails the chain. */
__noinline int catena_issue(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_ring __arena *ring = ring_at(chain->ring);
	struct catena_step __arena *step = step_at(chain, index);
	u64 end = (u64)step->buffer + step->length;
	u64 data;
	u32 place;
	s32 fd;

	if (step->opcode >= CATENA_OPCODES || step->file >= CATENA_MAX_FILES || end > HEADER->size ||
	    ((step->data & (CATENA_ACCUMULATE | CATENA_VERIFY | CATENA_STORE_HASH)) && step->length > CATENA_MAX_HASHED)) {
		step->state = CATENA_STEP_FAILED;
		chain_fail(chain, index, -E_INVAL);
		return 0;
	}
	if (chain->budget == 0) {
		step->state = CATENA_STEP_FAILED;
		chain_fail(chain, index, -E_LOOP);
		return 0;
	}
	place = sqe_reserve(ring);
	if (place == 0) {
		step->state = CATENA_STEP_FAILED;
		chain_fail(chain, index, -E_BUSY);
		return 0;
	}
	if (step->done == 0)
		step->position = step->data & CATENA_OFFSET_INDIRECT ? U64(step->offset_at) : step->offset;
	step->attempt++;
	data = user_data(CATENA_KIND_STEP, chain->ring, chain_number, index, step->attempt);
	fd = ((struct catena_file __arena *)(u64)HEADER->files)[step->file].fd;
	if (step->opcode == CATENA_NOP)
		sqe_publish(ring, place, IORING_OP_NOP, 0, -1, 0, 0, 0, 0, data);
	else if (step->opcode == CATENA_SYNC)
		sqe_publish(ring, place, IORING_OP_FSYNC, 0, fd, 0, 0, 0, IORING_FSYNC_DATASYNC, data);
	else
		sqe_publish(ring, place, step->opcode == CATENA_READ ? IORING_OP_READ : IORING_OP_WRITE, 0, fd,
			    step->position + step->done, HEADER->base + step->buffer + step->done,
			    step->length - step->done, step->rw_flags, data);
	step->state = CATENA_STEP_ISSUED;
	chain->budget--;
	chain->in_flight++;
	chain->issued_by_program++;
	return 0;
}

/* Begins a step anew: a jump, a satisfied join, or its turn in the order. */
__noinline int catena_begin(u32 chain_number, u32 index)
{
	struct catena_step __arena *step = step_at(chain_at(chain_number), index);

	step->arrived = 0;
	step->done = 0;
	step->retried = 0;
	return catena_issue(chain_number, index);
}

/* Another step has named this one as its successor. */
__noinline int catena_arrive(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, index);

	if (chain->result)
		return 0;
	step->arrived++;
	if (index < chain->scanned && step->state != CATENA_STEP_ISSUED && step->arrived >= step->join)
		catena_begin(chain_number, index);
	return 0;
}

static __always_inline void step_jump(struct catena_chain __arena *chain, u32 chain_number, u32 from, u32 to)
{
	if (to < chain->scanned && step_at(chain, to)->state != CATENA_STEP_ISSUED)
		catena_begin(chain_number, to);
	else
		chain_fail(chain, from, -E_INVAL);
}

/* The step's data is whole: hash, compare, store. Returns 0, or -E_BADMSG. */
__noinline int catena_data(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, index);
	u32 data = step->data;
	u32 length = step->opcode == CATENA_READ || step->opcode == CATENA_WRITE ? step->done : step->length;

	if (data & (CATENA_ACCUMULATE | CATENA_VERIFY | CATENA_STORE_HASH)) {
		step->hash = catena_xxh64(step->buffer, length, step->seed);
		if ((data & CATENA_VERIFY) && step->hash != U64(step->value))
			return -E_BADMSG;
		if (data & CATENA_ACCUMULATE)
			chain->sum += step->hash;
		if (data & CATENA_STORE_HASH)
			U64(step->value) = step->hash;
	}
	if (data & CATENA_STORE_SUM)
		U64(step->value) = chain->sum;
	return 0;
}

/* Wakes who waits: a completion on the mailbox, for the chain (index 0) or for step index - 1. A message that finds no place is made up for by user space's watchdog. */
static __always_inline void chain_message(struct catena_chain __arena *chain, u32 chain_number, u32 index)
{
	struct catena_ring __arena *ring = ring_at(chain->ring);
	u32 place = sqe_reserve(ring);

	if (place == 0)
		return;
	sqe_publish(ring, place, IORING_OP_MSG_RING, IOSQE_CQE_SKIP_SUCCESS, chain->mailbox,
		    user_data(CATENA_KIND_MESSAGE, chain->ring, chain_number, index, 0), 0, (u32)chain->result, 0, 0);
	ring->messages++;
}

/* Issues what may be issued now, in order, and finishes the chain when nothing is left. */
__noinline int catena_advance(u32 chain_number)
{
	struct catena_chain __arena *chain = chain_at(chain_number);

	if (chain->state != CATENA_CHAIN_RUNNING)
		return 0;
	do {
		while (chain->result == 0 && chain->scanned != *(volatile u32 __arena *)&chain->published && can_loop) {
			u32 index = chain->scanned;
			struct catena_step __arena *step = step_at(chain, index);

			if (step->arrived < step->join) {
				chain->scanned = index + 1; /* the arrival that is still missing will issue it */
				continue;
			}
			if (chain->in_flight >= chain->window || ((step->data & CATENA_BARRIER) && chain->in_flight))
				return 0;
			chain->scanned = index + 1;
			catena_begin(chain_number, index);
		}
		if (chain->in_flight)
			return 0;
		if (chain->result || (*(volatile u32 __arena *)&chain->sealed && chain->scanned == *(volatile u32 __arena *)&chain->published)) {
			asm volatile("" ::: "memory");
			chain->state = CATENA_CHAIN_FINISHED;
			if (chain->mailbox >= 0)
				chain_message(chain, chain_number, 0);
			return 0;
		}
		chain->dry = 1;
		full_barrier(chain); /* see the invariants */
		if (!*(volatile u32 __arena *)&chain->sealed && chain->scanned == *(volatile u32 __arena *)&chain->published)
			return 0;
		chain->dry = 0;
	} while (can_loop);
	return 0;
}

/* One request of a chain has completed. */
__noinline int catena_completed(u64 data, s32 result)
{
	u32 chain_number = data >> 28 & 0x3ff;
	u32 index = data >> 8 & 0xfffff;
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, index);
	u32 next = step->next, fanout = step->fanout, jump = step->jump;
	u32 outcome = STEP_FAILS, i;
	s32 error = result;

	if (chain->state != CATENA_CHAIN_RUNNING || step->state != CATENA_STEP_ISSUED || (step->attempt & 0xff) != (data & 0xff))
		return 0;
	step->handled = step->attempt;
	chain->in_flight--;
	chain->completions++;
	if (result < 0) {
		step->result = result;
		if (step->on_error == CATENA_ERROR_RETRY && step->retried < step->retries && chain->result == 0) {
			step->retried++;
			chain->retries++;
			outcome = STEP_GOES_ON;
		} else if (step->on_error == CATENA_ERROR_JUMP) {
			outcome = STEP_JUMPS;
		}
	} else if (step->opcode == CATENA_READ || step->opcode == CATENA_WRITE) {
		step->done += result;
		step->result = step->done;
		chain->bytes += result;
		outcome = STEP_WHOLE;
		if (step->done < step->length) {
			chain->short_ios++;
			if (step->on_short == CATENA_SHORT_JUMP) {
				outcome = STEP_JUMPS;
			} else if (step->on_short == CATENA_SHORT_CONTINUE && result > 0 && chain->result == 0) {
				outcome = STEP_GOES_ON;
			} else if (step->on_short != CATENA_SHORT_ACCEPT) {
				outcome = STEP_FAILS;
				error = step->opcode == CATENA_READ ? -E_NODATA : result == 0 ? -E_NOSPC : -E_IO;
			}
		}
	} else {
		step->result = result;
		outcome = STEP_WHOLE;
	}
	if (outcome == STEP_GOES_ON) {
		catena_issue(chain_number, index);
		return catena_advance(chain_number);
	}
	if (outcome == STEP_WHOLE) {
		error = catena_data(chain_number, index);
		if (error)
			outcome = STEP_FAILS;
	}
	/* From this store on the step's slot is user space's again: nothing of it is read or written below. */
	asm volatile("" ::: "memory");
	*(volatile u32 __arena *)&step->state = outcome == STEP_WHOLE ? CATENA_STEP_DONE : CATENA_STEP_FAILED;
	if (outcome == STEP_WHOLE) {
		chain->completed++;
		if (fanout > CATENA_MAX_FANOUT)
			fanout = CATENA_MAX_FANOUT;
		for (i = 0; i < fanout && can_loop; i++)
			catena_arrive(chain_number, next + i);
	} else if (outcome == STEP_JUMPS) {
		step_jump(chain, chain_number, index, jump);
	} else {
		chain_fail(chain, index, error);
	}
	if (chain->mailbox >= 0) {
		/* the state is seen before awaited is read, as user space writes awaited before it reads the state */
		full_barrier(chain);
		if (*(volatile u32 __arena *)&chain->awaited == index + 1) {
			chain->awaited = 0;
			chain_message(chain, chain_number, index + 1);
		}
	}
	return catena_advance(chain_number);
}

#endif
