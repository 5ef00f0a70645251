/* The identity file. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring/identity.h"
#include "unit/keyring/fixture.h"

static char dir[] = "/tmp/coffer-test-identity-XXXXXX";
static char path[64];

static int start(void **state)
{
	if (!mkdtemp(dir)) return -1;
	snprintf(path, sizeof path, "%s/node.id", dir);
	return fixture_start(state);
}

static int stop(void **state)
{
	unlink(path);
	rmdir(dir);
	return fixture_stop(state);
}

static void fixture_identity(struct identity *out)
{
	*out = (struct identity){ .token_kind = "tpm2", .token_uri = "tpm2:device" };
	fixture_domain(&out->domain);
	fixture_binding(&out->binding);
}

static void put_file(const void *bytes, size_t len, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void the_file_is_the_frozen_one_and_comes_back(void **state)
{
	struct identity written, read_back;
	uint8_t bytes[ANSWER_MAX];
	struct stat st;
	struct reason why = { "" };
	(void)state;
	fixture_identity(&written);
	for (int i = 0; i < 2; i++) assert_int_equal(identity_write(dir, &written, &why), ERR_OK); /* replacing is fine */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t len = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	assert_answer("identity-file", bytes, len);
	assert_int_equal(identity_read(dir, &read_back, &why), ERR_OK);
	assert_memory_equal(&written.domain, &read_back.domain, sizeof written.domain);
	assert_string_equal(read_back.token_kind, "tpm2");
	assert_string_equal(read_back.token_uri, "tpm2:device");
	assert_string_equal(read_back.binding.mechanism, "tpm2-seal");
	assert_memory_equal(written.binding.master_secret_id, read_back.binding.master_secret_id, TOKEN_MS_ID_LEN);
	assert_int_equal(read_back.binding.data_len, 7);
	assert_memory_equal(written.binding.data, read_back.binding.data, 7);
}

static void every_damaged_byte_is_refused(void **state)
{
	uint8_t bytes[ANSWER_MAX];
	struct view whole = answer("identity-file", bytes);
	struct identity out;
	(void)state;
	for (size_t i = 0; i < whole.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct reason why = { "" };
			bytes[i] ^= (uint8_t)(1u << bit);
			put_file(bytes, whole.len, 0600);
			assert_int_equal(identity_read(dir, &out, &why), i == 4 ? ERR_VERSION : ERR_CORRUPT);
			assert_non_null(strstr(why.text, path));
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	put_file(bytes, whole.len, 0600);
	assert_int_equal(identity_read(dir, &out, NULL), ERR_OK);
}

static void every_cut_and_a_longer_file_are_refused(void **state)
{
	static uint8_t bytes[8192];
	struct view whole = answer("identity-file", bytes);
	struct identity out;
	(void)state;
	for (size_t cut = 0; cut < whole.len; cut++) {
		put_file(bytes, cut, 0600);
		assert_int_equal(identity_read(dir, &out, NULL), ERR_CORRUPT);
	}
	put_file(bytes, whole.len + 1, 0600);
	assert_int_equal(identity_read(dir, &out, NULL), ERR_CORRUPT);
	put_file(bytes, sizeof bytes, 0600);
	assert_int_equal(identity_read(dir, &out, NULL), ERR_CORRUPT);
}

static void a_file_that_others_may_read_or_that_is_no_file_is_refused(void **state)
{
	uint8_t bytes[ANSWER_MAX];
	struct view whole = answer("identity-file", bytes);
	struct identity out;
	struct reason why = { "" };
	(void)state;
	put_file(bytes, whole.len, 0640);
	assert_int_equal(identity_read(dir, &out, &why), ERR_USAGE);
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(identity_read(dir, &out, &why), ERR_USAGE);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(identity_read(dir, &out, &why), ERR_USAGE);
	unlink(path);
	assert_int_equal(identity_read(dir, &out, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "coffer init"));
}

static void what_the_format_cannot_hold_is_not_written(void **state)
{
	struct identity identity;
	struct reason why = { "" };
	(void)state;
	unlink(path);
	fixture_identity(&identity);
	identity.token_uri[0] = '\0';
	assert_int_equal(identity_write(dir, &identity, &why), ERR_FIELD);
	fixture_identity(&identity);
	memset(identity.token_uri, 'x', sizeof identity.token_uri);
	assert_int_equal(identity_write(dir, &identity, &why), ERR_FIELD);
	fixture_identity(&identity);
	identity.token_uri[3] = '\n';
	assert_int_equal(identity_write(dir, &identity, &why), ERR_FIELD);
	fixture_identity(&identity);
	identity.token_kind[0] = 'x';
	assert_int_equal(identity_write(dir, &identity, &why), ERR_FIELD);
	fixture_identity(&identity);
	identity.binding.data_len = TOKEN_BINDING_MAX + 1;
	assert_int_equal(identity_write(dir, &identity, &why), ERR_FIELD);
	assert_int_equal(access(path, F_OK), -1);
	fixture_identity(&identity);
	assert_int_equal(identity_write("/nonexistent-coffer", &identity, &why), ERR_NOT_FOUND);
}

static void the_longest_fields_come_back(void **state)
{
	struct identity identity, out;
	(void)state;
	fixture_identity(&identity);
	memset(identity.token_uri, 'u', TOKEN_URI_MAX);
	memset(identity.binding.mechanism, 'm', sizeof identity.binding.mechanism - 1);
	memset(identity.binding.data, 0xff, TOKEN_BINDING_MAX);
	identity.binding.data_len = TOKEN_BINDING_MAX;
	assert_int_equal(identity_write(dir, &identity, NULL), ERR_OK);
	assert_int_equal(identity_read(dir, &out, NULL), ERR_OK);
	assert_string_equal(out.token_uri, identity.token_uri);
	assert_string_equal(out.binding.mechanism, identity.binding.mechanism);
	assert_memory_equal(out.binding.data, identity.binding.data, TOKEN_BINDING_MAX);
}

static bool is_there(const char *name)
{
	char at[96];
	snprintf(at, sizeof at, "%s/%s", dir, name);
	return access(at, F_OK) == 0;
}

/* A file that was not put in its place follows; one that the store may name alone is never written over. */
static void what_is_pending_is_settled_before_the_next(void **state)
{
	struct identity old, current, found;
	struct reason why = { "" };
	(void)state;
	fixture_identity(&old);
	current = old;
	current.binding.data[0] ^= 1;
	assert_int_equal(identity_write(dir, &old, &why), ERR_OK);
	assert_int_equal(identity_settled(dir, &old, &why), ERR_OK);
	assert_int_equal(identity_prepare(dir, &current, &why), ERR_OK);
	assert_int_equal(identity_settled(dir, &old, &why), ERR_STATE);
	assert_true(is_there("pending/node.id"));
	assert_int_equal(identity_settled(dir, &current, &why), ERR_OK);
	assert_false(is_there("pending"));
	assert_int_equal(identity_read(dir, &found, &why), ERR_OK);
	assert_memory_equal(found.binding.data, current.binding.data, current.binding.data_len);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_is_the_frozen_one_and_comes_back),
		cmocka_unit_test(every_damaged_byte_is_refused),
		cmocka_unit_test(every_cut_and_a_longer_file_are_refused),
		cmocka_unit_test(a_file_that_others_may_read_or_that_is_no_file_is_refused),
		cmocka_unit_test(what_the_format_cannot_hold_is_not_written),
		cmocka_unit_test(the_longest_fields_come_back),
		cmocka_unit_test(what_is_pending_is_settled_before_the_next),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
