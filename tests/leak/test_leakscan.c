/* The leak scanner: every form is found wherever it lies, what is too short is not, random bytes are not, and the scanner does not find itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ct.h"
#include "leak/schedule.h"
#include "leak/sources.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define RANDOM_BYTES ((size_t)64 << 20)

struct hits {
	unsigned count;
	uint64_t first;
	uint64_t wanted; /* an offset … */
	bool there;      /* … at which there was a hit */
	size_t len;
	char form[40], marker[MARKER_NAME];
};

static void on_hit(void *user, uint64_t offset, const struct pattern *row, size_t len)
{
	struct hits *h = user;
	if (offset == h->wanted) h->there = true;
	if (h->count++ > 0) return;
	h->first = offset;
	h->len = len;
	snprintf(h->form, sizeof h->form, "%s", row->form);
	snprintf(h->marker, sizeof h->marker, "%s", row->marker);
}

static void ignore_region(void *user, const char *line)
{
	(void)user;
	(void)line;
}

static const uint8_t key[32] = { 0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
	0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4 };

struct world {
	struct patterns patterns;
	struct scan scan;
	struct hits hits;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	return !w || !patterns_init(&w->patterns) || !patterns_add(&w->patterns, "fips", key, sizeof key, true) ||
		!scan_init(&w->scan, &w->patterns, on_hit, &w->hits);
}

static int teardown(void **state)
{
	struct world *w = *state;
	scan_free(&w->scan);
	patterns_free(&w->patterns);
	free(w);
	return 0;
}

/* FIPS 197 appendix A, the last round keys; appendix C.1, the last but one of the equivalent inverse cipher. */
static void schedules_are_those_of_fips_197(void **state)
{
	static const uint8_t key128[16] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c };
	static const uint8_t key192[24] = { 0x8e, 0x73, 0xb0, 0xf7, 0xda, 0x0e, 0x64, 0x52, 0xc8, 0x10, 0xf3, 0x2b, 0x80, 0x90, 0x79, 0xe5,
		0x62, 0xf8, 0xea, 0xd2, 0x52, 0x2c, 0x6b, 0x7b };
	static const uint8_t counting[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const uint8_t last128[4] = { 0xb6, 0x63, 0x0c, 0xa6 }, last192[4] = { 0x01, 0x00, 0x22, 0x02 };
	static const uint8_t last256[4] = { 0x70, 0x6c, 0x63, 0x1e };
	static const uint8_t inverse9[16] = { 0x13, 0xaa, 0x29, 0xbe, 0x9c, 0x8f, 0xaf, 0xf6, 0xf7, 0x70, 0xf5, 0x80, 0x00, 0xf7, 0xbf, 0x03 };
	uint8_t out[AES_SCHEDULE_MAX];
	(void)state;
	assert_int_equal(aes_schedule(key128, 16, false, out), 176);
	assert_memory_equal(out + 172, last128, 4);
	assert_int_equal(aes_schedule(key192, 24, false, out), 208);
	assert_memory_equal(out + 204, last192, 4);
	assert_int_equal(aes_schedule(key, 32, false, out), 240);
	assert_memory_equal(out + 236, last256, 4);
	assert_int_equal(aes_schedule(counting, 16, true, out), 176);
	assert_memory_equal(out + 144, inverse9, 16);
}

/* The forms that are made here are written down by other means than forms.c, where that is short. */
static void forms_are_what_their_names_say(void **state)
{
	static const struct { const char *form; const char *bytes; } wanted[] = {
		{ "hex", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4" },
		{ "HEX", "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4" },
		{ "base64", "YD3rEBXKcb4rc67whX13gR81LAc7YQjXLZgQowkU3/" },
		{ "base64 +1", "A96xAVynG+K3Ou8IV9d4EfNSwHO2EI1y2YEKMJFN/0" },
		{ "base64 +2", "gPesQFcpxvitzrvCFfXeBHzUsBzthCNctmBCjCRTf9" },
		{ "base64url", "YD3rEBXKcb4rc67whX13gR81LAc7YQjXLZgQowkU3_" },
	};
	struct world *w = *state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		bool seen = false;
		for (size_t r = 0; r < w->patterns.count; r++) {
			const struct pattern *row = &w->patterns.rows[r];
			if (strcmp(row->form, wanted[i].form) != 0) continue;
			seen = true;
			size_t same = 0, len = strlen(wanted[i].bytes);
			while (same < len && same < row->len && pattern_byte(&w->patterns, row, same) == (uint8_t)wanted[i].bytes[same]) same++;
			if (same < len || row->len != len) fail_msg("%s differs at %zu of %zu", wanted[i].form, same, row->len);
		}
		if (!seen) fail_msg("no form %s", wanted[i].form);
	}
}

/* Each form, each of its windows, at every distance from a multiple of 4, in the middle of random bytes. These may go on as another form does, a byte later, which is a second hit. */
static void every_window_of_every_form_is_found(void **state)
{
	struct world *w = *state;
	uint8_t block[256];
	assert_true(w->patterns.count >= 17);
	for (size_t r = 0; r < w->patterns.count; r++) {
		const struct pattern *row = &w->patterns.rows[r];
		for (size_t at = 0; at + SCAN_WINDOW <= row->len; at++) {
			for (size_t place = 96; place < 100; place++) {
				assert_int_equal(getrandom(block, sizeof block, 0), sizeof block);
				for (size_t i = 0; i < SCAN_WINDOW; i++) block[place + i] = pattern_byte(&w->patterns, row, at + i);
				block[place - 1] = at ? (uint8_t)~pattern_byte(&w->patterns, row, at - 1) : 0;
				w->hits = (struct hits){ .wanted = place };
				scan_bytes(&w->scan, block, sizeof block, 0);
				if (!w->hits.there) fail_msg("%s: the window at %zu, at place %zu, is not found", row->form, at, place);
			}
		}
	}
}

static void eleven_bytes_are_not_a_hit(void **state)
{
	struct world *w = *state;
	uint8_t block[64] = { 0 };
	memcpy(block + 20, key, SCAN_WINDOW - 1);
	scan_bytes(&w->scan, block, sizeof block, 0);
	assert_int_equal(w->hits.count, 0);
	memcpy(block + 20, key, SCAN_WINDOW);
	scan_bytes(&w->scan, block, sizeof block, 0);
	assert_int_equal(w->hits.count, 1);
	assert_int_equal(w->hits.len, SCAN_WINDOW);
}

static void a_whole_marker_is_one_hit(void **state)
{
	struct world *w = *state;
	uint8_t block[96] = { 0 };
	memcpy(block + 33, key, sizeof key);
	scan_bytes(&w->scan, block, sizeof block, 4096);
	assert_int_equal(w->hits.count, 1);
	assert_int_equal(w->hits.first, 4096 + 33);
	assert_int_equal(w->hits.len, sizeof key);
	assert_string_equal(w->hits.form, "raw");
	assert_string_equal(w->hits.marker, "fips");
}

/* Through a file, around the edges of the blocks in which it is read. */
static void a_marker_across_blocks_is_found(void **state)
{
	static const size_t edges[] = { 0, (size_t)1 << 20, ((size_t)1 << 20) + 32, ((size_t)2 << 20) - 32, (size_t)2 << 20 };
	struct world *w = *state;
	size_t size = ((size_t)2 << 20) + 64;
	uint8_t *bytes = calloc(1, size);
	assert_non_null(bytes);
	for (size_t e = 0; e < COUNT(edges); e++) {
		for (int by = -70; by <= 40; by++) {
			if (by + (long)edges[e] < 0 || edges[e] + (size_t)(by + 70) - 70 + SCAN_WINDOW > size) continue;
			size_t place = (size_t)((long)edges[e] + by);
			struct source_result result = { .bytes = 0 };
			memcpy(bytes + place, key + 5, SCAN_WINDOW);
			FILE *f = tmpfile();
			assert_non_null(f);
			assert_int_equal(fwrite(bytes, 1, size, f), size);
			rewind(f);
			w->hits.count = 0;
			assert_true(source_fd(&w->scan, fileno(f), &result));
			fclose(f);
			memset(bytes + place, 0, SCAN_WINDOW);
			assert_int_equal(result.bytes, size);
			if (w->hits.count != 1) fail_msg("%u hits for a marker at %zu", w->hits.count, place);
			assert_int_equal(w->hits.first, place);
		}
	}
	free(bytes);
}

static void random_bytes_are_not_a_hit(void **state)
{
	struct world *w = *state;
	uint8_t *bytes = malloc(RANDOM_BYTES);
	uint64_t x;
	assert_non_null(bytes);
	assert_int_equal(getrandom(&x, sizeof x, 0), sizeof x);
	for (size_t i = 0; i < RANDOM_BYTES; i += sizeof x) { /* splitmix64 */
		uint64_t z = x += UINT64_C(0x9E3779B97F4A7C15);
		z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
		z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
		z ^= z >> 31;
		memcpy(bytes + i, &z, sizeof z);
	}
	scan_bytes(&w->scan, bytes, RANDOM_BYTES, 0);
	assert_int_equal(w->hits.count, 0);
	free(bytes);
}

/* Our own memory, with the patterns in it, then with the marker; what is not in `key` (a constant of this program) but at random. */
static void the_scanner_does_not_find_itself(void **state)
{
	struct world *w = *state;
	struct patterns patterns;
	struct scan scan;
	struct source_result result = { .bytes = 0 };
	uint8_t *planted = malloc(32);
	assert_non_null(planted);
	assert_int_equal(getrandom(planted, 32, 0), 32);
	assert_true(patterns_init(&patterns));
	assert_true(patterns_add(&patterns, "self", planted, 32, true));
	assert_true(scan_init(&scan, &patterns, on_hit, &w->hits));
	assert_true(source_memory(&scan, getpid(), SOURCE_ALL, ignore_region, NULL, &result));
	assert_true(w->hits.count >= 1); /* the one on the heap */
	wipe(planted, 32);
	free(planted);
	/* What was read passed through the scanner's buffer: read something else. */
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), (off_t)4 << 20), 0);
	assert_true(source_fd(&scan, fileno(f), &result));
	fclose(f);
	w->hits.count = 0;
	assert_true(source_memory(&scan, getpid(), SOURCE_ALL, ignore_region, NULL, &result));
	if (w->hits.count) fail_msg("%u hits, the first one %s", w->hits.count, w->hits.form);
	scan_free(&scan);
	patterns_free(&patterns);
}

static void markers_are_read_unmasked(void **state)
{
	struct marker m;
	struct patterns patterns;
	char line[] = "key-1 key 000102030405060708090a0b0c0d0e0f 404142434445464748494a4b4c4d4e4f\n";
	(void)state;
	assert_true(marker_parse(line, &m));
	assert_string_equal(m.name, "key-1");
	assert_true(m.is_key);
	assert_int_equal(m.len, 16);
	for (size_t i = 0; i < m.len; i++) assert_int_equal(m.bytes[i], 0x40);
	assert_false(marker_parse("key-1 key 00 404142434445464748494a4b4c4d4e4f\n", &m));
	assert_false(marker_parse("key-1 other 000102030405060708090a0b0c0d0e0f 404142434445464748494a4b4c4d4e4f\n", &m));
	assert_false(marker_parse("key-1 key 000102030405060708090a0b0c0d0e0f 4041\n", &m));
	FILE *f = tmpfile();
	assert_non_null(f);
	fprintf(f, "# comment\n%s%.3s\n", line, line);
	rewind(f);
	assert_true(patterns_init(&patterns));
	assert_false(patterns_read(&patterns, f, "a file with a torn line"));
	assert_true(patterns.count >= 17);
	patterns_free(&patterns);
	fclose(f);
}

/* What stands in a ring is found there, and nowhere else. */
static void rings_are_told_from_other_memory(void **state)
{
	static const struct { enum source_regions which; bool found; } cases[] = { { SOURCE_ALL, true }, { SOURCE_BUT_RINGS, false }, { SOURCE_RINGS, true } };
	struct world *w = *state;
	int fd = memfd_create("coffer-ring", MFD_CLOEXEC);
	assert_true(fd >= 0 && ftruncate(fd, 8192) == 0);
	uint8_t *ring = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(ring, MAP_FAILED);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct patterns patterns;
		struct scan scan;
		struct source_result result = { .bytes = 0 };
		assert_true(patterns_init(&patterns));
		assert_int_equal(getrandom(ring + 4096, 32, 0), 32);
		assert_true(patterns_add(&patterns, "ring", ring + 4096, 32, true));
		assert_true(scan_init(&scan, &patterns, on_hit, &w->hits));
		w->hits.count = 0;
		assert_true(source_memory(&scan, getpid(), cases[i].which, ignore_region, NULL, &result));
		assert_int_equal(w->hits.count > 0, cases[i].found);
		scan_free(&scan);
		patterns_free(&patterns);
	}
	munmap(ring, 8192);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_are_those_of_fips_197),
		cmocka_unit_test_setup_teardown(forms_are_what_their_names_say, setup, teardown),
		cmocka_unit_test_setup_teardown(every_window_of_every_form_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(eleven_bytes_are_not_a_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_whole_marker_is_one_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_marker_across_blocks_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(random_bytes_are_not_a_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(the_scanner_does_not_find_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(rings_are_told_from_other_memory, setup, teardown),
		cmocka_unit_test(markers_are_read_unmasked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
