/* The file of an audit export and its archives: what counts is what is in them, and not what they are called; and what a crash between two steps leaves is gone on from. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/audit_sink.h"
#include "unit/audit/lines.h"
#include "unit/keyring/fixture.h"

#define EACH 4u /* records of an archive */

static char dir[64], path[96];
static struct config config;
static struct domain_id domain;
static struct audit_sink *sink;

static int start(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/coffer-sink-XXXXXX");
	if (lines_start(state) != 0 || !mkdtemp(dir)) return -1;
	snprintf(path, sizeof path, "%s/audit", dir);
	config = (struct config){ .audit_archive_size = 1 };
	fixture_domain(&domain);
	sink = audit_sink_file_new(path);
	return sink ? 0 : -1;
}

static void each_name(void (*fn)(const char *name, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.') fn(e->d_name, arg);
	closedir(d);
}

static void remove_it(const char *name, void *arg)
{
	char full[512];
	(void)arg;
	snprintf(full, sizeof full, "%s/%s", dir, name);
	unlink(full);
}

static int stop(void **state)
{
	audit_sink_file.close(sink);
	each_name(remove_it, NULL);
	rmdir(dir);
	return lines_stop(state);
}

static bool there(const char *name)
{
	char full[512];
	snprintf(full, sizeof full, "%s/%s", dir, name);
	return access(full, F_OK) == 0;
}

static void count_it(const char *name, void *arg)
{
	(void)name;
	++*(unsigned *)arg;
}

static unsigned files(void)
{
	unsigned n = 0;
	each_name(count_it, &n);
	return n;
}

/* What the sink says; the number to go on behind, or that of the live file's last record. */
static enum coffer_err locate(uint64_t *out_seq)
{
	struct audit_place place = { .seq = 0 };
	uint64_t signed_to = 0, seq = 0;
	enum coffer_err err = audit_sink_file.locate(sink, &domain, &place, &signed_to, &seq);
	*out_seq = err == ERR_NOT_FOUND ? seq : place.seq;
	return err;
}

static char joined[64 * 1024];

static size_t join(const struct text *t)
{
	size_t len = 0;
	for (size_t i = 0; i < t->count; i++) len += (size_t)snprintf(joined + len, sizeof joined - len, "%s\n", t->lines[i]);
	return len;
}

static enum coffer_err put(uint64_t first, uint64_t last, bool sealed)
{
	struct text t;
	struct audit_place place;
	make_export(&t, first, last, 1000, 1);
	place_of(last, 1, &place);
	struct audit_batch batch = { .at = (const uint8_t *)joined, .len = join(&t), .first = first, .last = last, .place = &place, .sealed = sealed };
	free_export(&t);
	return audit_sink_file.put(sink, &config, &batch);
}

/* Archive n of this node: records (n - 1) * EACH + 1 and on. */
static void put_archive(unsigned n)
{
	uint64_t seq;
	enum coffer_err err = locate(&seq);
	assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
	assert_int_equal(put((n - 1) * EACH + 1, n * EACH, true), ERR_OK);
}

static void name_of(unsigned n, char out[static 64])
{
	snprintf(out, 64, "audit.%012u-%012u", (n - 1) * EACH + 1, n * EACH);
}

static bool is_there(unsigned n)
{
	char name[64];
	name_of(n, name);
	return there(name);
}

/* A file that is called as this, with records that another name should have, of another node where it says so. */
static void plant(const char *name, uint64_t first, uint64_t last, bool foreign, size_t cut)
{
	char full[512];
	struct text t;
	make_export(&t, first, last, 1000, 1);
	size_t len = join(&t) - cut;
	free_export(&t);
	for (char *at = joined; foreign && (at = strstr(at, "\"node\":\"")) != NULL; at++) at[8] = at[8] == 'f' ? 'e' : 'f';
	snprintf(full, sizeof full, "%s/%s", dir, name);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(joined, 1, len, f), len);
	fclose(f);
}

static void the_newest_archives_stay(void **state)
{
	(void)state;
	config.audit_archives_keep = 2;
	for (unsigned n = 1; n <= 5; n++) {
		put_archive(n);
		assert_true(is_there(n) && (n < 2 || is_there(n - 1)) && (n < 3 || !is_there(n - 2)));
	}
	assert_int_equal(files(), 2);
	config.audit_archives_keep = 1; /* lowered: with the next one */
	put_archive(6);
	assert_true(is_there(6));
	assert_int_equal(files(), 1);
	config.audit_archives_keep = 0;
	put_archive(7);
	assert_true(is_there(6) && is_there(7));
}

/* Neither those of the node before a restore, whose numbers are higher, nor what is only called so, nor what was put aside is counted or removed. */
static void what_is_not_this_nodes_is_not_touched(void **state)
{
	static const char *const others[] = { "audit.000000000901-000000000904", "audit.000000000905-000000000908", "audit.000000000001-000000000002", "audit.aside-1", "audit.0001-x" };
	(void)state;
	plant(others[0], 901, 904, true, 0);
	plant(others[1], 905, 908, true, 0);
	plant(others[2], 5, 6, false, 0); /* begins with another record than its name says */
	plant(others[3], 1, 4, false, 0);
	plant(others[4], 1, 4, false, 0);
	config.audit_archives_keep = 1;
	for (unsigned n = 1; n <= 3; n++) put_archive(n);
	assert_true(is_there(3) && !is_there(2) && !is_there(1));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_true(there(others[i]));
}

static void the_place_comes_from_what_archives_hold(void **state)
{
	uint64_t seq;
	(void)state;
	plant("audit.000000000901-000000000904", 901, 904, true, 0);   /* another node's */
	plant("audit.000000000021-000000000024", 21, 23, false, 0);    /* holds less than it says */
	plant("audit.000000000017-000000000020", 17, 20, false, 2);    /* its end was cut off */
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_int_equal(seq, 0);
	put_archive(1);
	put_archive(2);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_int_equal(seq, 2 * EACH);
}

/* As every step leaves it: the file is over its size and not renamed; renamed, and an archive too many is there; nothing but archives. */
static void a_crash_between_the_steps_is_gone_on_from(void **state)
{
	uint64_t seq;
	char live[128], name[64], full[256];
	(void)state;
	config.audit_archives_keep = 2;
	for (unsigned n = 1; n <= 3; n++) put_archive(n);
	config.audit_archive_size = UINT64_MAX;
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_int_equal(put(13, 16, true), ERR_OK); /* written and synced; the crash comes before the rename */
	config.audit_archive_size = 1;
	audit_sink_file.close(sink);
	sink = audit_sink_file_new(path);
	assert_int_equal(locate(&seq), ERR_OK);
	assert_int_equal(seq, 16);
	snprintf(live, sizeof live, "%s/audit", dir); /* the crash comes between rename and removal */
	name_of(4, name);
	snprintf(full, sizeof full, "%s/%s", dir, name);
	assert_int_equal(rename(live, full), 0);
	audit_sink_file.close(sink);
	sink = audit_sink_file_new(path);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_int_equal(seq, 16);
	assert_true(is_there(2) && is_there(3) && is_there(4));
	put_archive(5); /* what was left over goes with the next */
	assert_true(!is_there(2) && !is_there(3) && is_there(4) && is_there(5));
}

/* Moved away is not lost; removed is: then what was exported ends with the newest archive. */
static void a_file_that_was_removed_does_not_count(void **state)
{
	uint64_t seq;
	char moved[128];
	(void)state;
	config.audit_archive_size = UINT64_MAX;
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_false(audit_sink_file.lost(sink));
	assert_int_equal(put(1, 4, true), ERR_OK);
	snprintf(moved, sizeof moved, "%s/moved", dir);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(put(5, 8, true), ERR_STATE);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_false(audit_sink_file.lost(sink));
	assert_int_equal(put(5, 8, true), ERR_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(put(9, 12, true), ERR_STATE);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_true(audit_sink_file.lost(sink));
	assert_int_equal(put(5, 8, true), ERR_OK);
	plant("other", 5, 8, true, 0); /* another one in its place: put aside, and what was in the old one is lost too */
	snprintf(moved, sizeof moved, "%s/other", dir);
	assert_int_equal(rename(moved, path), 0);
	assert_int_equal(put(9, 12, true), ERR_STATE);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_true(audit_sink_file.lost(sink));
	assert_true(there("audit.aside-1"));
}

/* A folder that is gone is not a file that is not there yet: that would be tried without a pause, with nothing to show for it. */
static void a_folder_that_was_removed_is_trouble_and_forgets_nothing(void **state)
{
	uint64_t seq;
	(void)state;
	config.audit_archive_size = UINT64_MAX;
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_int_equal(put(1, 4, true), ERR_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(put(5, 8, true), ERR_STATE);
	for (unsigned i = 0; i < 2; i++) assert_int_equal(locate(&seq), ERR_DENIED);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(locate(&seq), ERR_NOT_FOUND);
	assert_true(audit_sink_file.lost(sink));
	assert_int_equal(put(1, 4, true), ERR_OK);
	assert_false(audit_sink_file.lost(sink));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_newest_archives_stay, start, stop),
		cmocka_unit_test_setup_teardown(what_is_not_this_nodes_is_not_touched, start, stop),
		cmocka_unit_test_setup_teardown(the_place_comes_from_what_archives_hold, start, stop),
		cmocka_unit_test_setup_teardown(a_crash_between_the_steps_is_gone_on_from, start, stop),
		cmocka_unit_test_setup_teardown(a_file_that_was_removed_does_not_count, start, stop),
		cmocka_unit_test_setup_teardown(a_folder_that_was_removed_is_trouble_and_forgets_nothing, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
