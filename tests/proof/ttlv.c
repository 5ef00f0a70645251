/* What scripts/prove-ttlv gives to Frama-C, for every content of a message of PROOF_LEN bytes: ttlv_check (prove_check), and besides it cursors and
 * getters over the same bytes as if nobody had checked them (prove). Never run. */
#include "ttlv/ttlv.h"

#ifndef PROOF_LEN
#define PROOF_LEN 24
#endif
#define DEPTH 3

int prove(void);
int prove_check(void);

extern volatile uint8_t proof_any_byte; /* another one at each look */

/* The sentence does not matter here; that an assertion holds does: it may not be reached. */
enum coffer_err reason_fail(struct reason *reason, enum coffer_err err, const char *fmt, ...)
{
	(void)reason;
	(void)fmt;
	return err;
}

void err_assert_fail(const char *what, const char *file, int line)
{
	(void)what;
	(void)file;
	(void)line;
	/*@ assert unreachable: \false; */
	for (;;) {
	}
}

static int get_all(const struct ttlv_item *item)
{
	int32_t i32;
	int64_t i64;
	uint32_t u32;
	bool b;
	struct view v;
	int any = ttlv_get_i32(item, &i32) != ERR_OK;
	any |= ttlv_get_i64(item, &i64) != ERR_OK;
	any |= ttlv_get_enum(item, &u32) != ERR_OK;
	any |= ttlv_get_bool(item, &b) != ERR_OK;
	any |= ttlv_get_text(item, &v) != ERR_OK;
	any |= ttlv_get_bytes(item, &v) != ERR_OK;
	any |= ttlv_get_time(item, &i64) != ERR_OK;
	return any;
}

static int walk(struct view message)
{
	struct ttlv_cursor levels[DEPTH + 1];
	struct ttlv_item item;
	size_t depth = 0, size;
	int any = ttlv_frame_size(message, 0x420078, PROOF_LEN, &size) != ERR_OK;
	levels[0] = ttlv_cursor_of(message);
	for (;;) {
		if (!ttlv_next(&levels[depth], &item)) {
			any |= ttlv_done(&levels[depth]) != ERR_OK;
			if (depth == 0) return any;
			depth--;
			continue;
		}
		any |= get_all(&item);
		if (item.type == TTLV_STRUCTURE && depth < DEPTH) any |= ttlv_enter(&item, &levels[++depth]) != ERR_OK;
	}
}

static bool check(struct view message)
{
	struct ttlv_limits limits = { PROOF_LEN, 16, DEPTH + 1 };
	return ttlv_check(message, &limits, NULL) == ERR_OK;
}

int prove_check(void)
{
	uint8_t bytes[PROOF_LEN];
	for (size_t i = 0; i < PROOF_LEN; i++) bytes[i] = proof_any_byte;
	return check((struct view){ bytes, PROOF_LEN });
}

int prove(void)
{
	uint8_t bytes[PROOF_LEN];
	struct view message = { bytes, PROOF_LEN };
	for (size_t i = 0; i < PROOF_LEN; i++) bytes[i] = proof_any_byte;
	int any = check(message);
	return any | walk(message);
}
