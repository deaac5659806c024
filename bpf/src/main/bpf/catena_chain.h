// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The chain ABI, version 4: everything that user space (dev.catena.io.internal.ChainLayout) and the
 * steering program share. A test compares the Java mirror with the compiled BTF, field by field.
 *
 * One arena (BPF_MAP_TYPE_ARENA, or plain memory for the backends without BPF) holds all of it. An
 * "offset" below is a byte offset into the arena; 0 means none, the first page is never used. The
 * arena is mapped 4 GiB aligned, so an offset is also the low half of the address and the whole of a
 * BPF arena pointer.
 *
 *   page 0      never used
 *   page 1      struct catena_header
 *   then        catena_file[], catena_ring[], catena_chain[], catena_account[] (places in the header)
 *   then        control memory: io_uring rings, step arrays
 *   then        data memory: buffers, and the values that steps compare and store. A step touches nothing else
 *
 * Who writes: each struct says it line by line. A steerer is whoever handles a ring's completions:
 * the program while catena_ring.steering is 1, the Java interpreter otherwise. There is one at any
 * time; the program runs under the ring's completion lock. What the steerer writes at every completion lies in pairs of
 * cache lines of its own: user space looks at the rest while the program runs on another processor.
 */
#ifndef CATENA_CHAIN_H
#define CATENA_CHAIN_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

/* Begins a cache line; a pair of them, which the processor fetches together. */
#define CATENA_LINE __attribute__((aligned(64)))
#define CATENA_LINES __attribute__((aligned(128)))

#define CATENA_MAGIC 0x414e5443u /* "CTNA" */
#define CATENA_ABI_VERSION 4
#define CATENA_HEADER_OFFSET 4096u

enum catena_limit {
	CATENA_MAX_FILES = 16384,
	CATENA_MAX_RINGS = 256,
	CATENA_MAX_CHAINS = 4096,
	CATENA_MAX_ACCOUNTS = 1024,
	CATENA_MAX_STEPS = 4096,    /* capacity of one step array, a power of two */
	CATENA_MAX_FANOUT = 32,
	CATENA_MAX_WINDOW = 64,
	CATENA_MAX_HASHED = 131072, /* bytes one step may hash: bounds the time under the ring's lock */
	CATENA_LATENCY_BUCKETS = 32, /* bucket i counts times of 2^i to 2^(i+1) nanoseconds, the last all above */
	CATENA_WAKE_ENTRIES = 64, /* of a resident ring's submission queue, which steps leave free for wake-ups */
};

enum catena_opcode {
	CATENA_NOP = 0,
	CATENA_READ = 1,
	CATENA_WRITE = 2,
	CATENA_SYNC = 3, /* fdatasync */
	CATENA_RESERVE = 4,  /* room on the device for `length` bytes at `offset`; the file is at least as long then */
	CATENA_TRUNCATE = 5, /* the file is `offset` bytes long */
	CATENA_OPCODES = 6,
};

enum catena_on_short {
	CATENA_SHORT_STOP = 0,     /* the chain ends with -ENODATA (read) or -ENOSPC (write of zero) or -EIO */
	CATENA_SHORT_CONTINUE = 1, /* issue the rest; a read at end of file ends the chain with -ENODATA */
	CATENA_SHORT_ACCEPT = 2,   /* as success, with what there is */
	CATENA_SHORT_JUMP = 3,     /* go on at step `jump`: steps before it whose turn was still to come are left out */
};

enum catena_on_error {
	CATENA_ERROR_STOP = 0,  /* the chain ends with the error */
	CATENA_ERROR_RETRY = 1, /* issue again, up to `retries` times, then stop */
	CATENA_ERROR_JUMP = 2,  /* go on at step `jump` */
	CATENA_ERROR_ACCEPT = 3, /* as success, with what there is */
};

/* What to do with a step's data once it is whole; several may be set. */
enum catena_data {
	CATENA_ACCUMULATE = 1,      /* chain.sum += XXH64(buffer, length, seed) */
	CATENA_VERIFY = 2,          /* compare the hash with the u64 at `value`; the chain ends with -EBADMSG if they differ */
	CATENA_STORE_HASH = 4,      /* store the hash at `value` */
	CATENA_STORE_SUM = 8,       /* store chain.sum at `value` (after accumulating) */
	CATENA_OFFSET_INDIRECT = 16, /* the file offset is the u64 at `offset_at`, read when the step is issued */
	CATENA_BARRIER = 32,        /* issued only when nothing of the chain is in flight */
	CATENA_LENGTH_INDIRECT = 64, /* the length is the u64 at `length_at`, exchanged with ~0 when the step is issued: whoever wants to
				      * add to the data adds to that u64, and finds ~0 when it is too late */
	CATENA_DATA_BITS = 127,
};

enum catena_step_state {
	CATENA_STEP_IDLE = 0,
	CATENA_STEP_DEFERRED = 1, /* to be issued when the ring has room: when a request of the chain completes */
	CATENA_STEP_ISSUED = 2,
	CATENA_STEP_DONE = 3,
	CATENA_STEP_FAILED = 4,
};

enum catena_chain_flag {
	CATENA_LOOPS = 1, /* steps may be begun again, as long as the budget lasts; otherwise a step is begun once */
};

enum catena_chain_state {
	CATENA_CHAIN_IDLE = 0,
	CATENA_CHAIN_RUNNING = 1,
	CATENA_CHAIN_ENDING = 2,   /* on a resident ring: all is done, and the steerer is about to ask for a last wake-up */
	CATENA_CHAIN_FINISHED = 3, /* and has done with the chain and, for it, with the ring */
};

/*
 * user_data of every request:
 *   63..48 CATENA_TAG | 47..44 kind | 43..36 ring | 35..24 chain | 23..12 slot of the step | 11..0 attempt (its low 12 bits)
 */
#define CATENA_TAG 0xCA7Eull
enum catena_kind {
	CATENA_KIND_STEP = 1,     /* a step's request */
	CATENA_KIND_DOORBELL = 2, /* on a resident ring: look at the chain again (start, publish, seal) */
	CATENA_KIND_WAKE = 3,     /* on a resident ring: wakes who waits for the chain; completes only if that failed */
	CATENA_KIND_REGISTER = 4, /* first completion of a ring: binds ring number and kernel ring */
	CATENA_KIND_RELEASE = 5,  /* on a resident ring: the program stops steering it, Java carries on */
	CATENA_KIND_BELL = 6,     /* on a submission thread's own ring: its bell was rung */
};

struct catena_header {
	u32 magic;
	u32 abi_version;
	u64 base;    /* address of arena offset 0 in this process */
	u64 size;    /* bytes */
	u32 files;    /* offset of catena_file[CATENA_MAX_FILES] */
	u32 rings;    /* offset of catena_ring[CATENA_MAX_RINGS] */
	u32 chains;   /* offset of catena_chain[CATENA_MAX_CHAINS] */
	u32 accounts; /* offset of catena_account[CATENA_MAX_ACCOUNTS] */
	u32 data;     /* offset of data memory, which goes on to the end */
	u32 reserved;
};

/* The file table: steps name slots, never descriptors. Written by user space. */
struct catena_file {
	s32 fd;
	u32 in_use;
};

#define CATENA_WAITING_ALWAYS (~0u)

struct catena_ring {
	/* written once by user space */
	u32 sq_head;  /* offsets of the ring's words and arrays, all in the arena */
	u32 sq_tail;
	u32 cq_head;
	u32 cq_tail;
	u32 sqes;
	u32 cqes;
	u32 sq_mask;
	u32 cq_mask;
	u32 resident; /* 1: whoever submits stays in the kernel and the program moves the CQ head; 0: user space enters and reaps */
	u32 registered; /* set by the program when it has bound the ring */
	u32 steering; /* 1: the program steers; 0: Java does */
	u32 waiting;  /* kernel-loop: what the thread that enters waits for. Chain + 1: its end, or its awaited step; ~0: nothing, it stays;
		       * 0: nothing, it returns when there is nothing left to do. Written by user space */
	u32 bell;     /* of a submission thread's own ring: a futex word, on which a request of that ring waits. Always 0 */
	/* written by the steerer */
	CATENA_LINES u64 completions; /* seen by the program */
	u64 issued;   /* requests issued by the program */
	u64 nanos;    /* spent in the program */
	u64 doorbells;
	u64 wakes;    /* asked for */
	u64 now;      /* when the program began to handle this completion, in nanoseconds of CLOCK_MONOTONIC */
	u32 missed;   /* completions whose predecessor the program did not see */
	u32 starved;  /* list of chains that found no room with nothing in flight, as number + 1: each completion advances one */
};

struct catena_step {
	/* the descriptor: written by user space before the step is published */
	u8 opcode;
	u8 on_short;
	u8 on_error;
	u8 retries;
	u16 data;
	u16 join;       /* arrivals needed before it is issued; 0: issued in order, within the chain's window */
	u32 next;       /* first successor's index, meaningful if fanout > 0 */
	u16 fanout;     /* successors next .. next+fanout-1 each receive an arrival */
	u16 faults;     /* for tests: as many requests, from the first on, meet the fault */
	u32 jump;       /* index of the step that a jump goes on at */
	u32 file;       /* slot */
	u32 buffer;     /* offset */
	u32 length;     /* bytes */
	u64 offset;     /* in the file */
	u16 rw_flags;   /* RWF_DSYNC, ... */
	u16 stride;     /* once the step is done, file offset and seed move on by so many lengths: run again, it goes on */
	u32 value;      /* offset of the u64 for verify and store */
	u32 offset_at;  /* offset of the u64 that holds the file offset (CATENA_OFFSET_INDIRECT) */
	u32 length_at;  /* offset of the u64 that holds the length (CATENA_LENGTH_INDIRECT) */
	u64 seed;       /* of the hash */
	/* the state: written by the steerer (zeroed by user space before the step is published, but for `arrived` and `attempt`) */
	u32 state;
	u32 arrived;
	u32 done;       /* bytes */
	u32 attempt;    /* requests issued for this slot so far; its low 12 bits are in user_data */
	u32 handled;    /* the attempt whose completion was handled last */
	s32 result;     /* bytes, or -errno */
	u16 retried;
	u16 faulted;
	u32 index;      /* of the step in its chain: written by user space */
	u64 hash;       /* the last one calculated */
	u64 position;   /* file offset used */
	u64 issued_at;  /* the last request, in nanoseconds of CLOCK_MONOTONIC */
	u32 deferred;   /* index + 1 of the step deferred before it */
	s32 fault;      /* written by user space. Negative: the completion is this error, and nothing is done; else: bytes moved at most */
};

struct catena_chain {
	/* written by user space */
	u32 steps;      /* offset of catena_step[capacity] */
	u32 capacity;   /* a power of two; step i lives at slot i & (capacity - 1) */
	u32 published;  /* steps published so far; grows while the chain runs */
	u32 sealed;     /* 1: no more steps will be published */
	u32 window;     /* requests in flight at most for the steps issued in order */
	u32 ring;       /* ring number */
	u32 awaited;    /* index + 1 of a step whose completion is worth a wake-up; 0: none */
	u32 account;    /* number */
	u32 flags;
	u64 started_at; /* nanoseconds of CLOCK_MONOTONIC */
	/* written by the steerer, seldom */
	CATENA_LINE u32 state;
	u32 dry;        /* 1: nothing in flight, more steps may come: who has published exchanges it for 0 and has the chain looked at */
	s32 result;     /* 0, or -errno of the first failure */
	u32 failed_step;
	u32 starved;    /* while in the ring's list: number + 1 of the chain behind it, ~0 for none */
	u32 deferred;   /* index + 1 of the step deferred last */
	u32 wakes;      /* on a resident ring: the futex word of who waits. Counted up with each wake-up, before it */
	/* written by the steerer at every completion */
	CATENA_LINES u32 in_flight;
	u32 scanned;    /* published steps looked at so far */
	u32 budget;     /* requests it may still issue, if it loops; at first written by user space */
	u32 fence;      /* exchanged by the program where it needs a full barrier */
	u64 sum;        /* of hashes */
	u64 bytes;      /* read and written */
	u32 completed;  /* steps done */
	u32 completions; /* requests completed */
	u32 short_ios;
	u32 retries;
	u32 issued_by_program;
	u32 issued_by_user;
};

/* What a lane did in chains of one kind. Counters only grow; written by the steerer of the lane's ring, read by anybody. */
struct catena_account {
	/* written by user space */
	char kind[24];  /* what the chains are for, in UTF-8, zero-padded */
	u32 in_use;
	u32 lane;
	u32 ring;       /* that ran its last chain */
	u32 resident;
	/* written by the steerer */
	CATENA_LINES u64 chains;     /* that ended */
	u64 failed;     /* of these */
	u64 steps;      /* done */
	u64 completions; /* of requests */
	u64 issued_by_program;
	u64 issued_by_user;
	u64 bytes;
	u64 retries;
	u64 short_ios;
	u64 drops;      /* steps not yet looked at when their chain failed: never issued */
	u64 mismatches; /* checksums other than expected */
	u64 nanos;      /* spent in the program for its steps */
	u64 request_latency[CATENA_LATENCY_BUCKETS]; /* from issue to completion */
	u64 chain_latency[CATENA_LATENCY_BUCKETS];   /* from start to end */
};

_Static_assert(sizeof(struct catena_header) == 48, "header");
_Static_assert(sizeof(struct catena_file) == 8, "file");
_Static_assert(sizeof(struct catena_ring) == 256, "ring");
_Static_assert(sizeof(struct catena_step) == 128, "step");
_Static_assert(sizeof(struct catena_chain) == 256, "chain");
_Static_assert(sizeof(struct catena_account) == 768, "account");

#endif
