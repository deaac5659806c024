// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Never loaded: its type information says what the compiler made of catena_chain.h, and a test compares the Java
 * mirror with that. (Types that a program only reaches through arena pointers do not get into its own.)
 */
#include "catena_chain.h"

struct {
	struct catena_header header;
	struct catena_file file;
	struct catena_ring ring;
	struct catena_step step;
	struct catena_chain chain;
	struct catena_account account;
	enum catena_limit limit;
	enum catena_opcode opcode;
	enum catena_on_short on_short;
	enum catena_on_error on_error;
	enum catena_data data;
	enum catena_step_state step_state;
	enum catena_chain_state chain_state;
	enum catena_chain_flag chain_flag;
	enum catena_kind kind;
} layout;
