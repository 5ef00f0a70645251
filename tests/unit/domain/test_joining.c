/* pending/join against frozen bytes, on disk, and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "crypto/hash.h"
#include "domain/joining.h"
#include "unit/domain/world.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

static const char *const names[] = { "joining-begun", "joining-keys", "joining-asked" };

static int start(void **state)
{
	return frozen_start("admission-v1.json", state);
}

static void files_are_the_frozen_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct joining j = JOINING_NONE, none = JOINING_NONE;
		uint8_t frozen[ANSWER_MAX];
		AUTO_BUF struct buf again = BUF_EMPTY;
		struct view v = frozen_bytes(names[i], frozen);
		assert_int_equal(joining_decode(v, &j), ERR_OK);
		assert_int_equal(j.stage, i + 1);
		assert_string_equal(j.token_uri, "pkcs11:token=x");
		assert_int_equal(j.domain.node_id[0], 0x10);
		if (i > 0) assert_string_equal(j.binding.mechanism, "CKM_AES_KEY_WRAP");
		assert_int_equal(joining_encode(&j, &again), ERR_OK);
		assert_frozen(names[i], again.ptr, again.len);
		joining_clear(&j);
		for (size_t at = 0; at < v.len; at++) {
			frozen[at] ^= 1;
			assert_int_equal(joining_decode(v, &none), ERR_CORRUPT);
			frozen[at] ^= 1;
			assert_int_equal(joining_decode(view_of(frozen, at), &none), ERR_CORRUPT);
		}
	}
}

/* With a checksum that is right. */
static void assert_decodes(uint8_t *bytes, size_t len, enum coffer_err err)
{
	struct joining j = JOINING_NONE;
	uint8_t sum[HASH_SHA256_LEN];
	assert_int_equal(hash_sha256(view_of(bytes, len - 8), sum), ERR_OK);
	memcpy(bytes + len - 8, sum, 8);
	assert_int_equal(joining_decode(view_of(bytes, len), &j), err);
	if (err) assert_true(!j.request.ptr && !j.reference.ptr);
	joining_clear(&j);
}

static void parts_that_do_not_fit_the_stage_are_refused(void **state)
{
	uint8_t bytes[ANSWER_MAX];
	struct joining j = JOINING_NONE;
	AUTO_BUF struct buf out = BUF_EMPTY;
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (uint8_t stage = 0; stage < 5; stage++) {
			struct view v = frozen_bytes(names[i], bytes);
			bytes[6] = stage;
			assert_decodes(bytes, v.len, stage == i + 1 ? ERR_OK : ERR_CORRUPT);
		}
	struct view v = frozen_bytes("joining-asked", bytes);
	bytes[4] = 2;
	assert_decodes(bytes, v.len, ERR_VERSION);
	v = frozen_bytes("joining-asked", bytes);
	bytes[8] ^= 1; /* a request for another domain than the file's */
	assert_decodes(bytes, v.len, ERR_CORRUPT);
	v = frozen_bytes("joining-asked", bytes);
	bytes[24] ^= 1; /* of another node */
	assert_decodes(bytes, v.len, ERR_CORRUPT);
	assert_int_equal(joining_encode(&j, &out), ERR_FIELD);
	assert_int_equal(out.len, 0);
}

static void the_file_is_private_whole_and_goes_away(void **state)
{
	char dir[] = "/tmp/coffer-joining-XXXXXX", path[64], folder[64];
	struct joining j = JOINING_NONE, back = JOINING_NONE;
	uint8_t frozen[ANSWER_MAX];
	struct reason why = { "" };
	struct stat st;
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/pending/join", dir);
	snprintf(folder, sizeof folder, "%s/pending", dir);
	assert_int_equal(joining_read(dir, &back, &why), ERR_NOT_FOUND);
	assert_int_equal(joining_erase(dir, NULL), ERR_OK);
	assert_int_equal(joining_decode(frozen_bytes("joining-keys", frozen), &j), ERR_OK);
	for (unsigned i = 0; i < 2; i++) assert_int_equal(joining_write(dir, &j, &why), ERR_OK); /* replaced by the same */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(joining_read(dir, &back, NULL), ERR_OK);
	assert_int_equal(back.stage, JOINING_KEYS);
	joining_clear(&back);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(joining_read(dir, &back, &why), ERR_USAGE);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(joining_read(dir, &back, &why), ERR_CORRUPT);
	assert_int_equal(joining_erase(dir, NULL), ERR_OK);
	assert_int_not_equal(stat(folder, &st), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(joining_read(dir, &back, &why), ERR_USAGE);
	assert_int_equal(joining_erase(dir, NULL), ERR_OK);
	joining_clear(&j);
	assert_int_equal(rmdir(dir), 0);
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	uint8_t frozen[ANSWER_MAX];
	struct view v = frozen_bytes("joining-asked", frozen);
	enum coffer_err err = ERR_MEMORY;
	for (unsigned n = 1; err != ERR_OK; n++) {
		struct joining j = JOINING_NONE;
		struct arena_stats before, after;
		AUTO_BUF struct buf out = BUF_EMPTY;
		assert_true(n < 1000);
		arena_stats(&before);
		world_fail_nth(n, true);
		err = joining_decode(v, &j);
		if (!err) err = joining_encode(&j, &out);
		world_fail_nth(0, false);
		if (err) assert_int_equal(err, ERR_MEMORY);
		if (err) assert_int_equal(out.len, 0);
		joining_clear(&j);
		buf_free(&out);
		arena_stats(&after);
		assert_int_equal(after.used, before.used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_the_frozen_bytes),
		cmocka_unit_test(parts_that_do_not_fit_the_stage_are_refused),
		cmocka_unit_test(the_file_is_private_whole_and_goes_away),
		cmocka_unit_test(any_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
