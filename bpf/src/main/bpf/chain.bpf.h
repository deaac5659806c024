// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The interpreter of chains: what happens when a request completes. dev.catena.io.internal.Interpreter
 * is the same text in Java; the contract test runs both over the same chains. A front end (hook.bpf.c)
 * tells it of completions and provides the rings.
 *
 *            begin()                    completion
 *   IDLE ─────────────► RUNNING ──┬── whole ──► data ──► successors ───────────┐
 *                          ▲      ├── short ──► rest | accept | jump | fail    │
 *                          │      └── error ──► retry | accept | jump | fail   │
 *                          └───────────────── advance ◄────────────────────────┘
 *                                               │ nothing in flight, and (failed, or sealed and all looked at)
 *                                               ▼
 *                                           FINISHED; on a resident ring, who waits is woken
 *
 * Invariants
 *  - in_flight counts issued requests whose completion was not handled; FINISHED implies in_flight == 0.
 *  - A step's slot is the steerer's from its issue until its state says done or failed, which is the last thing that
 *    happens to it: user space may fill the slot anew as soon as it sees that.
 *  - A failed chain issues nothing more; it finishes when what is in flight has come back.
 *  - A step is begun once, unless the chain loops; then every request takes one from the budget: no chain runs for ever.
 *  - A step for which the ring has no room is deferred, and issued when a request of the chain completes; a chain that finds no room
 *    with nothing in flight is in its ring's list of starved ones, and advanced when any request of the ring completes.
 *  - No descriptor is trusted: a step reaches data memory and files in the table, nothing else (catena_refuses).
 *  - dry is set before published and sealed are read for the last time, and user space writes them
 *    before it reads dry (both full barriers): a step is never left behind.
 *  - Nobody waits for what has happened. Who waits for a chain reads its word `wakes`, then the state that it is about, then
 *    sleeps for as long as the word has the value read. The steerer stores the state, then changes the word, then shows the kernel the
 *    wake-up: so who saw the old state read the old word, and is asleep when the wake-up comes, or finds the word changed as it goes to sleep.
 *  - ENDING comes before the last wake-up is asked for, FINISHED after: user space, which writes requests into the ring of a lane
 *    when nothing is in flight, waits for FINISHED, a moment later.
 *
 * Runs under the ring's completion lock, preemption off: what one completion may do is bounded by
 * CATENA_MAX_FANOUT, CATENA_MAX_STEPS and CATENA_MAX_HASHED.
 */
#ifndef CATENA_CHAIN_BPF_H
#define CATENA_CHAIN_BPF_H

#include "bpf_base.h"
#include "catena_chain.h"

enum {
	E_IO = 5, E_INVAL = 22, E_NOSPC = 28,
	E_LOOP = 40, E_NODATA = 61, E_BADMSG = 74,
};

enum {
	IORING_OP_NOP = 0, IORING_OP_FSYNC = 3, IORING_OP_FALLOCATE = 17, IORING_OP_READ = 22, IORING_OP_WRITE = 23,
	IORING_OP_FUTEX_WAIT = 51, IORING_OP_FUTEX_WAKE = 52, IORING_OP_FTRUNCATE = 55,
	IORING_FSYNC_DATASYNC = 1, IORING_NOP_INJECT_RESULT = 1, IOSQE_CQE_SKIP_SUCCESS = 1 << 6, SQE_BYTES = 64, CQE_BYTES = 16,
};

/* As sqe.fd: a word of 32 bits, of this process. */
enum { FUTEX_WORD = 2 | 128 };

enum { RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8 };

#define LAST_STARVED (~0u)

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

static __always_inline struct catena_account __arena *account_at(u32 number)
{
	return (struct catena_account __arena *)(u64)(u32)(HEADER->accounts +
							   (number & (CATENA_MAX_ACCOUNTS - 1)) * sizeof(struct catena_account));
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

static __always_inline u64 user_data(u64 kind, u64 ring, u64 chain, u64 slot, u64 attempt)
{
	return CATENA_TAG << 48 | kind << 44 | ring << 36 | chain << 24 | (slot & 0xfff) << 12 | (attempt & 0xfff);
}

/* The bucket of a latency histogram that a time in nanoseconds belongs to. */
static __always_inline u32 bucket(u64 nanos)
{
	u32 log = 0;

	if (nanos >> 32)
		return CATENA_LATENCY_BUCKETS - 1;
	if (nanos >> 16)
		log = 16;
	if (nanos >> (log + 8))
		log += 8;
	if (nanos >> (log + 4))
		log += 4;
	if (nanos >> (log + 2))
		log += 2;
	if (nanos >> (log + 1))
		log += 1;
	return log;
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

/* Offset of the next free SQE if `entries` of the ring's may be in use, or 0. Nobody else writes this ring's SQ tail now. */
static __always_inline u32 sqe_reserve(struct catena_ring __arena *ring, u32 entries)
{
	u32 tail = U32(ring->sq_tail);

	if (tail - U32(ring->sq_head) >= entries)
		return 0;
	return ring->sqes + (tail & ring->sq_mask) * SQE_BYTES;
}

/* Fills the reserved SQE (struct io_uring_sqe, as eight words). Volatile: clang must not merge the stores into a memset. */
static __always_inline void sqe_fill(u32 sqe, u64 opcode, u64 flags, s32 fd, u64 off, u64 addr, u32 length, u64 op_flags, u64 data)
{
	U64(sqe) = opcode | flags << 8 | (u64)(u32)fd << 32;
	U64(sqe + 8) = off;
	U64(sqe + 16) = addr;
	U64(sqe + 24) = length | op_flags << 32;
	U64(sqe + 32) = data;
	U64(sqe + 40) = 0;
	U64(sqe + 48) = 0;
	U64(sqe + 56) = 0;
}

/* Shows the kernel the SQE that was filled. x86 keeps the order of stores, the compiler that of volatile ones. */
static __always_inline void sqe_show(struct catena_ring __arena *ring)
{
	U32(ring->sq_tail) = U32(ring->sq_tail) + 1;
	ring->issued++;
}

static __always_inline void sqe_publish(struct catena_ring __arena *ring, u32 sqe, u64 opcode, u64 flags, s32 fd, u64 off,
					u64 addr, u32 length, u64 op_flags, u64 data)
{
	sqe_fill(sqe, opcode, flags, fd, off, addr, length, op_flags, data);
	sqe_show(ring);
}

/* A request about the futex word at an offset: to wake as many as `value`, or to wait while it has that value. */
static __always_inline void sqe_publish_futex(struct catena_ring __arena *ring, u32 sqe, u64 opcode, u64 flags, u32 word, u32 value, u64 data)
{
	sqe_fill(sqe, opcode, flags, FUTEX_WORD, value, HEADER->base + word, 0, 0, data);
	U64(sqe + 48) = ~0u; /* all of the futex's bit set */
	sqe_show(ring);
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

static __always_inline _Bool outside_data(u32 offset, u32 length)
{
	return offset < HEADER->data || (u64)offset + length > HEADER->size;
}

static __always_inline _Bool no_word(u32 offset)
{
	return (offset & 7) || outside_data(offset, 8);
}

/* Whether a step's descriptor names what it may not. User space refuses the same before it publishes a step, but is not trusted. */
__noinline int catena_refuses(u32 chain_number, u32 index)
{
	struct catena_step __arena *step = step_at(chain_at(chain_number), index);
	u32 data = step->data, length = step->length;
	u32 hashes = data & (CATENA_ACCUMULATE | CATENA_VERIFY | CATENA_STORE_HASH);
	u32 stores = data & (CATENA_STORE_HASH | CATENA_STORE_SUM);
	_Bool moves = step->opcode == CATENA_READ || step->opcode == CATENA_WRITE;

	if (step->opcode >= CATENA_OPCODES || step->on_short > CATENA_SHORT_JUMP || step->on_error > CATENA_ERROR_ACCEPT ||
	    (data & ~CATENA_DATA_BITS) || step->fanout > CATENA_MAX_FANOUT || (step->rw_flags & ~(RWF_DSYNC | RWF_SYNC | RWF_NOWAIT)))
		return 1;
	if (step->opcode != CATENA_NOP && step->file >= CATENA_MAX_FILES)
		return 1;
	if ((moves || (hashes && length)) && outside_data(step->buffer, length))
		return 1;
	if ((hashes && length > CATENA_MAX_HASHED) || (step->opcode == CATENA_RESERVE && (s32)length <= 0))
		return 1;
	if (data & (CATENA_VERIFY | CATENA_STORE_HASH | CATENA_STORE_SUM)) {
		if (no_word(step->value))
			return 1;
		if (stores && length && step->value + 8ull > step->buffer && step->value < (u64)step->buffer + length)
			return 1;
	}
	return ((data & CATENA_OFFSET_INDIRECT) && no_word(step->offset_at)) || ((data & CATENA_LENGTH_INDIRECT) && no_word(step->length_at));
}

/* Offset of a free SQE for a step of this chain, or 0. A chain never has more in flight than the completion queue holds. */
static __always_inline u32 step_room(struct catena_chain __arena *chain, struct catena_ring __arena *ring)
{
	if (chain->in_flight > ring->cq_mask)
		return 0;
	return sqe_reserve(ring, ring->sq_mask + 1 - (ring->resident ? CATENA_WAKE_ENTRIES : 0));
}

static __always_inline void step_fail(struct catena_chain __arena *chain, struct catena_step __arena *step, u32 index, s32 error)
{
	step->state = CATENA_STEP_FAILED;
	chain_fail(chain, index, error);
}

/* Issues what is left of a step. A step that cannot be issued is deferred, or fails the chain. */
__noinline int catena_issue(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_ring __arena *ring = ring_at(chain->ring);
	struct catena_step __arena *step = step_at(chain, index);
	u32 place, length;
	u64 data;
	s32 fd, error = 0;

	if (catena_refuses(chain_number, index)) {
		step_fail(chain, step, index, -E_INVAL);
		return 0;
	}
	if ((chain->flags & CATENA_LOOPS) && chain->budget == 0) {
		step_fail(chain, step, index, -E_LOOP);
		return 0;
	}
	place = step_room(chain, ring);
	if (place == 0) {
		step->state = CATENA_STEP_DEFERRED;
		step->deferred = chain->deferred;
		chain->deferred = index + 1;
		return 0;
	}
	if (step->done == 0)
		step->position = step->data & CATENA_OFFSET_INDIRECT ? U64(step->offset_at) : step->offset;
	step->attempt++;
	step->issued_at = ring->now;
	data = user_data(CATENA_KIND_STEP, chain->ring, chain_number, index & (chain->capacity - 1), step->attempt);
	fd = ((struct catena_file __arena *)(u64)HEADER->files)[step->file & (CATENA_MAX_FILES - 1)].fd;
	length = step->length - step->done;
	if ((s64)step->position < 0 && step->opcode != CATENA_NOP && step->opcode != CATENA_SYNC)
		error = -E_INVAL; /* found in memory; to io_uring -1 is the descriptor's own position */
	if (step->faulted < step->faults) {
		step->faulted++;
		if (step->fault >= 0 && length > (u32)step->fault)
			length = step->fault;
		if (step->fault < 0)
			error = step->fault;
	}
	if (error)
		sqe_publish(ring, place, IORING_OP_NOP, 0, -1, 0, 0, error, IORING_NOP_INJECT_RESULT, data);
	else if (step->opcode == CATENA_NOP)
		sqe_publish(ring, place, IORING_OP_NOP, 0, -1, 0, 0, 0, 0, data);
	else if (step->opcode == CATENA_SYNC)
		sqe_publish(ring, place, IORING_OP_FSYNC, 0, fd, 0, 0, 0, IORING_FSYNC_DATASYNC, data);
	else if (step->opcode == CATENA_RESERVE)
		sqe_publish(ring, place, IORING_OP_FALLOCATE, 0, fd, step->position, length, 0, 0, data);
	else if (step->opcode == CATENA_TRUNCATE)
		sqe_publish(ring, place, IORING_OP_FTRUNCATE, 0, fd, step->position, 0, 0, 0, data);
	else
		sqe_publish(ring, place, step->opcode == CATENA_READ ? IORING_OP_READ : IORING_OP_WRITE, 0, fd,
			    step->position + step->done, HEADER->base + step->buffer + step->done, length, step->rw_flags, data);
	step->state = CATENA_STEP_ISSUED;
	chain->budget--;
	chain->in_flight++;
	chain->issued_by_program++;
	account_at(chain->account)->issued_by_program++;
	return 0;
}

/* Begins a step: its turn in the order, a satisfied join, a jump. */
__noinline int catena_begin(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, index);

	if (step->state >= CATENA_STEP_DONE && !(chain->flags & CATENA_LOOPS)) {
		chain_fail(chain, index, -E_LOOP);
		return 0;
	}
	step->arrived = 0;
	step->done = 0;
	step->retried = 0;
	if ((step->data & CATENA_LENGTH_INDIRECT) && !no_word(step->length_at)) {
		u64 length = __sync_lock_test_and_set((u64 __arena *)(u64)step->length_at, ~0ull);

		step->length = length > ~0u ? ~0u : length; /* too long for any memory: refused */
	}
	return catena_issue(chain_number, index);
}

/* Whether a step is between its beginning and its end. */
static __always_inline _Bool is_begun(struct catena_step __arena *step)
{
	return step->state == CATENA_STEP_ISSUED || step->state == CATENA_STEP_DEFERRED;
}

/* Another step has named this one as its successor. */
__noinline int catena_arrive(u32 chain_number, u32 index)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, index);

	if (chain->result)
		return 0;
	step->arrived++;
	if (index < chain->scanned && !is_begun(step) && step->arrived >= step->join)
		catena_begin(chain_number, index);
	return 0;
}

/* Goes on at a step: a later one, and then behind it in order; or an earlier one, again. */
static __always_inline void step_jump(struct catena_chain __arena *chain, u32 chain_number, u32 from, u32 to)
{
	if (to >= chain->published || is_begun(step_at(chain, to))) {
		chain_fail(chain, from, -E_INVAL);
		return;
	}
	if (to >= chain->scanned)
		chain->scanned = to + 1;
	catena_begin(chain_number, to);
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
		if ((data & CATENA_VERIFY) && step->hash != U64(step->value)) {
			account_at(chain->account)->mismatches++;
			return -E_BADMSG;
		}
		if (data & CATENA_ACCUMULATE)
			chain->sum += step->hash;
		if (data & CATENA_STORE_HASH)
			U64(step->value) = step->hash;
	}
	if (data & CATENA_STORE_SUM)
		U64(step->value) = chain->sum;
	if (step->stride) {
		u64 stride = (u64)step->stride * step->length;

		step->offset += stride;
		step->seed += stride;
	}
	return 0;
}

/* Wakes who waits for the chain: see the invariants. A wake-up that finds no place is made up for by user space, which does not sleep for ever. */
static __always_inline void chain_wake(struct catena_chain __arena *chain, u32 chain_number)
{
	struct catena_ring __arena *ring = ring_at(chain->ring);
	u32 place = sqe_reserve(ring, ring->sq_mask + 1);
	u32 word = HEADER->chains + (chain_number & (CATENA_MAX_CHAINS - 1)) * sizeof(struct catena_chain) +
		   __builtin_offsetof(struct catena_chain, wakes);

	U32(word) = U32(word) + 1;
	if (place == 0)
		return;
	sqe_publish_futex(ring, place, IORING_OP_FUTEX_WAKE, IOSQE_CQE_SKIP_SUCCESS, word, 1,
			  user_data(CATENA_KIND_WAKE, chain->ring, chain_number, 0, 0));
	ring->wakes++;
}

/*
 * On a submission thread's own ring: its bell was rung, or is new. Waits for the next time. The thread runs this as it handles what woke it,
 * and finds the request when it looks at all queues before it sleeps again (dev.catena.io.internal.SubmissionThread says more).
 */
static __always_inline void ring_listen(struct catena_ring __arena *ring, u32 ring_number, s32 result)
{
	u32 place = sqe_reserve(ring, ring->sq_mask + 1);
	u32 word = HEADER->rings + (ring_number & (CATENA_MAX_RINGS - 1)) * sizeof(struct catena_ring) + __builtin_offsetof(struct catena_ring, bell);

	if (place == 0 || result) {
		U32(ring->cq_head) = U32(ring->cq_head) - 1; /* left as not handled: user space sees that, and enters a ring to wake the thread */
		return;
	}
	sqe_publish_futex(ring, place, IORING_OP_FUTEX_WAIT, 0, word, 0, user_data(CATENA_KIND_BELL, ring_number, 0, 0, 0));
}

static __always_inline void chain_finish(struct catena_chain __arena *chain, u32 chain_number)
{
	struct catena_account __arena *account = account_at(chain->account);

	account->chains++;
	account->chain_latency[bucket(ring_at(chain->ring)->now - chain->started_at)]++;
	if (chain->result) {
		account->failed++;
		account->drops += chain->published - chain->scanned;
	}
	asm volatile("" ::: "memory");
	if (ring_at(chain->ring)->resident) {
		*(volatile u32 __arena *)&chain->state = CATENA_CHAIN_ENDING;
		chain_wake(chain, chain_number);
		asm volatile("" ::: "memory");
	}
	*(volatile u32 __arena *)&chain->state = CATENA_CHAIN_FINISHED;
}

/* There is no room and nothing in flight: some other completion of the ring will advance the chain. */
static __always_inline void chain_starve(struct catena_chain __arena *chain, struct catena_ring __arena *ring, u32 chain_number)
{
	if (chain->starved)
		return;
	chain->starved = ring->starved ? ring->starved : LAST_STARVED;
	ring->starved = chain_number + 1;
}

static __always_inline _Bool chain_refused(struct catena_chain __arena *chain)
{
	u32 capacity = chain->capacity;

	return capacity == 0 || capacity > CATENA_MAX_STEPS || (capacity & (capacity - 1)) || chain->window - 1 >= CATENA_MAX_WINDOW;
}

/*
 * Fetches a published step that has not begun. User space wrote it on another processor: two cache lines, a tenth of a microsecond
 * each. Asking for those of several steps at once takes no longer than for one.
 */
static __always_inline void step_fetch(struct catena_chain __arena *chain, u32 index, u32 published)
{
	if (index < published) {
		struct catena_step __arena *step = step_at(chain, index);

		(void)*(volatile u8 __arena *)&step->opcode;
		*(volatile u32 __arena *)&step->deferred = 0;
	}
}

/* Issues what may be issued now, in order, and finishes the chain when nothing is left. */
__noinline int catena_advance(u32 chain_number)
{
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_ring __arena *ring = ring_at(chain->ring);

	if (chain->state != CATENA_CHAIN_RUNNING || chain->starved)
		return 0;
	if (chain_refused(chain))
		chain_fail(chain, 0, -E_INVAL);
	while (chain->deferred && chain->result == 0 && step_room(chain, ring) && can_loop) {
		u32 index = chain->deferred - 1;

		chain->deferred = step_at(chain, index)->deferred;
		catena_issue(chain_number, index);
	}
	do {
		while (chain->result == 0 && chain->scanned != *(volatile u32 __arena *)&chain->published && can_loop) {
			u32 index = chain->scanned, published = *(volatile u32 __arena *)&chain->published;
			struct catena_step __arena *step = step_at(chain, index);

			step_fetch(chain, index + 1, published);
			step_fetch(chain, index + 2, published);
			step_fetch(chain, index + 3, published);
			step_fetch(chain, index + 4, published);
			if (step->arrived < step->join) {
				chain->scanned = index + 1; /* the arrival that is still missing will issue it */
				continue;
			}
			if (chain->in_flight >= chain->window || ((step->data & CATENA_BARRIER) && (chain->in_flight || chain->deferred)))
				return 0;
			if (step_room(chain, ring) == 0)
				break;
			chain->scanned = index + 1;
			catena_begin(chain_number, index);
		}
		if (chain->in_flight)
			return 0;
		if (chain->result || (*(volatile u32 __arena *)&chain->sealed && !chain->deferred &&
				      chain->scanned == *(volatile u32 __arena *)&chain->published)) {
			chain_finish(chain, chain_number);
			return 0;
		}
		if (chain->deferred || chain->scanned != *(volatile u32 __arena *)&chain->published) {
			if (step_room(chain, ring))
				continue; /* published meanwhile */
			chain_starve(chain, ring, chain_number);
			return 0;
		}
		chain->dry = 1;
		full_barrier(chain); /* see the invariants */
		if (!*(volatile u32 __arena *)&chain->sealed && chain->scanned == *(volatile u32 __arena *)&chain->published)
			return 0;
		if (__sync_lock_test_and_set(&chain->dry, 0) == 0)
			return 0; /* user space took it, and acts: or rings the doorbell */
	} while (can_loop);
	return 0;
}

/* One request of a chain has completed. */
__noinline int catena_completed(u64 data, s32 result)
{
	u32 chain_number = data >> 24 & (CATENA_MAX_CHAINS - 1);
	struct catena_chain __arena *chain = chain_at(chain_number);
	struct catena_step __arena *step = step_at(chain, data >> 12 & (CATENA_MAX_STEPS - 1));
	struct catena_account __arena *account = account_at(chain->account);
	u32 index = step->index, next = step->next, fanout = step->fanout, jump = step->jump;
	u32 outcome = STEP_FAILS, i;
	s32 error = result;

	if (chain->state != CATENA_CHAIN_RUNNING || step->state != CATENA_STEP_ISSUED || (step->attempt & 0xfff) != (data & 0xfff))
		return 0;
	step->handled = step->attempt;
	chain->in_flight--;
	chain->completions++;
	account->completions++;
	account->request_latency[bucket(ring_at(chain->ring)->now - step->issued_at)]++;
	if (result < 0) {
		step->result = result;
		if (step->on_error == CATENA_ERROR_RETRY && step->retried < step->retries && chain->result == 0) {
			step->retried++;
			chain->retries++;
			account->retries++;
			outcome = STEP_GOES_ON;
		} else if (step->on_error == CATENA_ERROR_JUMP) {
			outcome = STEP_JUMPS;
		} else if (step->on_error == CATENA_ERROR_ACCEPT) {
			outcome = STEP_WHOLE;
		}
	} else if (step->opcode == CATENA_READ || step->opcode == CATENA_WRITE) {
		step->done += result;
		step->result = step->done;
		chain->bytes += result;
		account->bytes += result;
		outcome = STEP_WHOLE;
		if (step->done < step->length) {
			chain->short_ios++;
			account->short_ios++;
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
		account->steps++;
		if (fanout > CATENA_MAX_FANOUT)
			fanout = CATENA_MAX_FANOUT;
		for (i = 0; i < fanout && can_loop; i++)
			catena_arrive(chain_number, next + i);
	} else if (outcome == STEP_JUMPS) {
		step_jump(chain, chain_number, index, jump);
	} else {
		chain_fail(chain, index, error);
	}
	if (ring_at(chain->ring)->resident) {
		/* the state is seen before awaited is read, as user space writes awaited before it reads the state */
		full_barrier(chain);
		if (*(volatile u32 __arena *)&chain->awaited == index + 1) {
			chain->awaited = 0;
			chain_wake(chain, chain_number);
		}
	}
	return catena_advance(chain_number);
}

/* One completion on a ring that this program steers: what both front ends come to. */
__noinline int catena_dispatch(u32 ring_number, u64 data, s32 result)
{
	struct catena_ring __arena *ring = ring_at(ring_number);
	u32 kind = data >> 44 & 0xf, chain_number = data >> 24 & (CATENA_MAX_CHAINS - 1);
	u64 nanos;

	ring->now = bpf_ktime_get_ns();
	ring->completions++;
	if (kind == CATENA_KIND_STEP) {
		catena_completed(data, result);
	} else if (kind == CATENA_KIND_DOORBELL) {
		ring->doorbells++;
		chain_at(chain_number)->dry = 0;
		catena_advance(chain_number);
	} else if (kind == CATENA_KIND_RELEASE) {
		ring->steering = 0;
	} else if (kind == CATENA_KIND_BELL) {
		ring_listen(ring, ring_number, result);
	}
	if (ring->starved) {
		u32 starved = ring->starved - 1;
		struct catena_chain __arena *chain = chain_at(starved);

		ring->starved = chain->starved == LAST_STARVED ? 0 : chain->starved;
		chain->starved = 0;
		catena_advance(starved);
	}
	nanos = bpf_ktime_get_ns() - ring->now;
	ring->nanos += nanos;
	if (kind == CATENA_KIND_STEP)
		account_at(chain_at(chain_number)->account)->nanos += nanos;
	return 0;
}

#endif
