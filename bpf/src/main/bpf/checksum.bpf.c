// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Measures how fast a BPF program hashes, outside any chain: user space fills a block of the arena and runs a program,
 * which hashes the block so many times. XXH64 is the function that the steering program uses; CRC32C, by slicing-by-8
 * over tables that user space fills in, is the runner-up: BPF has no instruction for it.
 *
 * The arena: page 0 unused, page 1 the tables (u32[8][256]), from page 4 on the block.
 */
#include "chain.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TABLES_OFFSET 4096u
#define BLOCK_OFFSET 16384u

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << 20); /* 4 GiB: only then is an offset what a pointer holds */
} arena SEC(".maps");

/* What user space passes, and gets back. */
struct order {
	u32 length; /* bytes of the block, a multiple of 8 */
	u32 times;
	u64 hash;   /* in: of nothing; out: the last one */
};

__noinline u32 crc32c(u32 offset, u32 length)
{
	u32 __arena *table = (u32 __arena *)(u64)TABLES_OFFSET;
	u64 p = offset, end = p + length;
	u32 crc = ~0u;

	for (; p < end && can_loop; p += 8) {
		u64 word = *(u64 __arena *)p ^ crc;

		crc = table[7 * 256 + (word & 0xff)] ^ table[6 * 256 + (word >> 8 & 0xff)] ^ table[5 * 256 + (word >> 16 & 0xff)] ^
		      table[4 * 256 + (word >> 24 & 0xff)] ^ table[3 * 256 + (word >> 32 & 0xff)] ^ table[2 * 256 + (word >> 40 & 0xff)] ^
		      table[256 + (word >> 48 & 0xff)] ^ table[word >> 56];
	}
	return ~crc;
}

SEC("syscall")
int run_xxh64(struct order *order)
{
	u32 i;

	asm volatile("" ::"r"(&arena)); /* tells the verifier which arena */
	for (i = 0; i < order->times && can_loop; i++)
		order->hash = catena_xxh64(BLOCK_OFFSET, order->length, 0);
	return 0;
}

SEC("syscall")
int run_crc32c(struct order *order)
{
	u32 i;

	asm volatile("" ::"r"(&arena));
	for (i = 0; i < order->times && can_loop; i++)
		order->hash = crc32c(BLOCK_OFFSET, order->length);
	return 0;
}
