/* The block that answers are read into (client/wire.h): held against a row of frames in any order of reading, using and making room; memory; and what stays. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "client/wire.h"
#include "unit/base/base_test.h"

#define STEPS 60000u
#define MAX_MEMORY (64u * 1024u)
#define LONGEST 3000u
#define READ 4096u
#define FRAMES 256u /* under way at most */
#define SECRET "plaintext" /* all that a frame says */

static uint32_t seed;

static uint32_t any(uint32_t below)
{
	return test_random(&seed) % below;
}

/* What has come and was not used: whole frames, and `part` bytes of the one behind them. Frame number i has length_of(i) bytes. */
struct model {
	struct wire w;
	unsigned first, next;
	size_t part, whole;
	unsigned wraps;
};

static size_t length_of(unsigned i)
{
	return 16 + (size_t)(i * 2654435761u) % LONGEST;
}

static uint8_t byte_of(unsigned i, size_t at)
{
	if (at < 4) return (uint8_t)(i >> 8 * at);
	return (uint8_t)SECRET[(at - 4) % (sizeof SECRET - 1)];
}

static void make_room(struct model *m, size_t want, bool tell)
{
	struct wire before = m->w;
	size_t total = m->whole + m->part;
	if (want <= wire_room(&m->w)) return;
	enum coffer_status st = wire_make_room(&m->w, want, MAX_MEMORY, tell ? m->part : WIRE_NO_TAIL);
	if (st) {
		assert_int_equal(st, COFFER_ETOOLARGE);
		assert_true(total + want > MAX_MEMORY);
		assert_memory_equal(&m->w.ptr, &before.ptr, sizeof before.ptr);
	}
	if (m->w.wrapped && !before.wrapped) m->wraps++;
	assert_true(st || want <= wire_room(&m->w));
	assert_true(m->w.cap <= MAX_MEMORY);
}

/* As much as there is room for, and not more than a socket had. */
static void read_some(struct model *m)
{
	make_room(m, 1 + any(READ), any(8) != 0);
	uint8_t *to = wire_end(&m->w);
	size_t room = wire_room(&m->w), n = room ? any((uint32_t)(room < READ ? room : READ) + 1) : 0;
	for (size_t i = 0; i < n; i++) {
		to[i] = byte_of(m->next, m->part++);
		if (m->part < length_of(m->next)) continue;
		m->whole += m->part;
		m->part = 0;
		if (++m->next - m->first == FRAMES) n = i + 1;
	}
	wire_added(&m->w, n);
}

static void is_first(const struct model *m, size_t len)
{
	const uint8_t *frame = m->w.ptr + m->w.begin;
	assert_true(len <= m->w.len); /* in one piece */
	for (size_t i = 0; i < len; i++)
		if (frame[i] != byte_of(m->first, i)) fail_msg("frame %u of %zu bytes differs at byte %zu", m->first, len, i);
}

static void use_first(struct model *m)
{
	size_t len = length_of(m->first);
	if (m->first == m->next) return;
	is_first(m, len);
	wire_leave(&m->w, m->w.begin + len);
	wire_pass_over(&m->w, len);
	m->whole -= len;
	m->first++;
}

/* Reads the rest of what was begun, uses all, and nothing of it is in the block any more. */
static void settle(struct model *m)
{
	while (m->part) {
		size_t rest = length_of(m->next) - m->part;
		while (m->first != m->next) use_first(m);
		make_room(m, rest, true);
		uint8_t *to = wire_end(&m->w);
		for (size_t i = 0; i < rest; i++) to[i] = byte_of(m->next, m->part++);
		wire_added(&m->w, rest);
		m->whole += m->part;
		m->part = 0;
		m->next++;
	}
	while (m->first != m->next) use_first(m);
	assert_int_equal(wire_total(&m->w), 0);
	wire_settle(&m->w);
	assert_int_equal(m->w.stale, 0);
	if (m->w.cap) assert_null(memmem(m->w.ptr, m->w.cap, SECRET, sizeof SECRET - 1));
}

static void run(struct model *m, unsigned many)
{
	for (unsigned i = 0; i < STEPS; i++) {
		if (m->next - m->first < many && m->whole < MAX_MEMORY - 2 * READ && any(2)) read_some(m);
		else use_first(m);
		assert_int_equal(wire_total(&m->w), m->whole + m->part);
		assert_true(!m->w.wrapped || m->w.len > 0);
		if (any(100) == 0) wire_settle(&m->w);
		if (any(2000) == 0) settle(m);
	}
	settle(m);
}

/* Few under way, then many, then more than there is room for. */
static void frames_come_out_as_they_came_in(void **state)
{
	static const unsigned many[] = { 1, 3, 16, FRAMES };
	(void)state;
	for (unsigned i = 0; i < sizeof many / sizeof many[0]; i++) {
		struct model m = { .first = 1, .next = 1 };
		seed = 0x9e3779b9u + i;
		run(&m, many[i]);
		assert_true(i < 2 || m.wraps > 100);
		wire_free(&m.w);
	}
}

/* Sixteen frames under way, all the time: the block is not moved, and grows no further than for them. */
static void a_block_that_is_large_enough_stays_where_it_is(void **state)
{
	struct model m = { .first = 1, .next = 1 };
	const uint8_t *block = NULL;
	size_t cap = 0;
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		while (m.next - m.first < 16) {
			size_t len = 2000;
			make_room(&m, len, true);
			memset(wire_end(&m.w), 'x', len);
			wire_added(&m.w, len);
			m.whole += len;
			m.next++;
		}
		if (round == 100) {
			block = m.w.ptr;
			cap = m.w.cap;
		}
		if (round > 100) assert_true(m.w.ptr == block && m.w.cap == cap && cap <= 64000);
		wire_pass_over(&m.w, 2000);
		m.whole -= 2000;
		m.first++;
	}
	wire_free(&m.w);
}

static void what_is_not_to_be_used_up_is_refused(void **state)
{
	struct wire w = { .ptr = NULL };
	(void)state;
	assert_int_equal(wire_make_room(&w, MAX_MEMORY + 1, MAX_MEMORY, WIRE_NO_TAIL), COFFER_ETOOLARGE);
	assert_int_equal(wire_make_room(&w, SIZE_MAX, MAX_MEMORY, 0), COFFER_ETOOLARGE);
	assert_null(w.ptr);
	assert_int_equal(wire_make_room(&w, MAX_MEMORY, MAX_MEMORY, 0), COFFER_OK);
	assert_int_equal(wire_room(&w), MAX_MEMORY);
	wire_added(&w, 100);
	assert_int_equal(wire_make_room(&w, MAX_MEMORY, MAX_MEMORY, 50), COFFER_ETOOLARGE);
	assert_int_equal(wire_total(&w), 100);
	wire_free(&w);
}

/* Bytes that are still to be used are not wiped with those that are done with. */
static void nothing_that_is_here_is_wiped(void **state)
{
	struct wire w = { .ptr = NULL };
	(void)state;
	assert_int_equal(wire_make_room(&w, 64, MAX_MEMORY, 0), COFFER_OK);
	memset(wire_end(&w), 'a', 64);
	wire_added(&w, 64);
	wire_leave(&w, 32);
	wire_pass_over(&w, 32);
	wire_settle(&w);
	assert_int_equal(w.ptr[0] | w.ptr[31], 0);
	assert_int_equal(w.ptr[32], 'a');
	assert_int_equal(wire_make_room(&w, 16, w.cap, 0), COFFER_OK); /* at the start */
	assert_true(w.wrapped);
	memset(wire_end(&w), 'b', 16);
	wire_added(&w, 16);
	wire_leave(&w, w.cap);
	wire_settle(&w);
	for (size_t i = 0; i < 64; i++) assert_int_equal(w.ptr[i], i < 16 ? 'b' : i < 32 ? 0 : 'a');
	wire_pass_over(&w, 32);
	assert_int_equal(wire_total(&w), 16);
	wire_settle(&w);
	assert_int_equal(w.ptr[32], 'a'); /* that was no plaintext */
	wire_drop(&w);
	wire_settle(&w);
	for (size_t i = 0; i < 64; i++) assert_int_equal(w.ptr[i], 0);
	wire_free(&w);
}

/* Nor does what was moved stay where it was. */
static void what_is_moved_leaves_nothing_behind(void **state)
{
	(void)state;
	for (size_t used = 16; used < 64; used += 16) { /* less than stays, and more */
		struct wire w = { .ptr = NULL };
		assert_int_equal(wire_make_room(&w, 64, MAX_MEMORY, 0), COFFER_OK);
		memset(wire_end(&w), 'a', 64);
		wire_added(&w, 64);
		wire_leave(&w, used);
		wire_pass_over(&w, used);
		assert_int_equal(wire_make_room(&w, used, w.cap, WIRE_NO_TAIL), COFFER_OK);
		assert_int_equal(w.begin, 0);
		wire_leave(&w, w.len);
		wire_pass_over(&w, w.len);
		wire_settle(&w);
		for (size_t i = 0; i < w.cap; i++) assert_int_equal(w.ptr[i], 0);
		wire_free(&w);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_as_they_came_in),
		cmocka_unit_test(a_block_that_is_large_enough_stays_where_it_is),
		cmocka_unit_test(what_is_not_to_be_used_up_is_refused),
		cmocka_unit_test(nothing_that_is_here_is_wiped),
		cmocka_unit_test(what_is_moved_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
