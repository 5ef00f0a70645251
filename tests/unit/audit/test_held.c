/* Records of a node without its database: each is in the log once, and what was cut, edited or put back is named (docs/formats.md section 23.9). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/held.h"
#include "unit/objects/support.h"

#define MOST 12u
#define BYTES 8192u

struct place {
	char folder[64], path[96], mark_path[96], kept[96];
	struct world w;           /* the database */
	struct audit_chain *log;
	struct root_mark *mark;
	struct store *file;       /* borrowed by held */
	struct audit_held *held;
	char seen[4096];          /* what was moved, in order */
};

static void open_file(struct place *p)
{
	assert_int_equal(store_open_sqlite(p->path, &p->file, NULL), ERR_OK);
	p->held = audit_held_new(p->file, MOST, BYTES);
	assert_non_null(p->held);
}

static enum coffer_err attach(struct place *p, struct reason *reason)
{
	return audit_held_attach(p->held, p->w.ring, p->mark, reason);
}

/* The process ended, and begins anew. */
static enum coffer_err again(struct place *p, struct reason *reason)
{
	audit_held_free(p->held);
	open_file(p);
	return attach(p, reason);
}

static enum coffer_err take(void *arg, const struct audit_event *event, uint64_t lost)
{
	struct place *p = arg;
	size_t len = strlen(p->seen);
	struct audit_event e = { .principal = view_str("node"), .details = view_str("lost") };
	if (lost) snprintf(p->seen + len, sizeof p->seen - len, "lost%u-%u ", (unsigned)event->seq, (unsigned)(event->seq + lost - 1));
	else snprintf(p->seen + len, sizeof p->seen - len, "%.*s ", (int)event->details.len, (const char *)event->details.ptr);
	return audit_append(p->log, p->w.txn, lost ? &e : event);
}

static struct audit_held_place move(struct place *p, size_t most)
{
	struct audit_held_place to;
	begin(&p->w);
	assert_int_equal(audit_held_move(p->held, p->w.txn, most, take, p, &to), ERR_OK);
	commit(&p->w);
	return to;
}

static void settle(struct place *p)
{
	struct audit_held_place to = move(p, 100);
	assert_int_equal(audit_held_moved(p->held, &to), ERR_OK);
	assert_true(audit_held_is_ready(p->held));
	assert_false(audit_held_is_due(p->held));
}

static void set_up(struct place *p)
{
	*p = (struct place){ .folder = "/tmp/coffer-test-held-XXXXXX" };
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof p->path, "%s/held.db", p->folder);
	snprintf(p->kept, sizeof p->kept, "%s/kept", p->folder);
	snprintf(p->mark_path, sizeof p->mark_path, "%s/node.root", p->folder);
	world_open(&p->w);
	assert_int_equal(audit_chain_open(p->w.txn, &p->log, NULL), ERR_OK);
	assert_int_equal(root_mark_open(p->mark_path, &p->mark, NULL), ERR_OK);
	open_file(p);
	assert_int_equal(attach(p, NULL), ERR_NOT_FOUND);
	assert_false(audit_held_is_ready(p->held));
	assert_true(audit_held_is_due(p->held));
	settle(p);
}

static void tear_down(struct place *p)
{
	char command[128];
	audit_held_free(p->held);
	audit_chain_free(p->log);
	root_mark_close(p->mark);
	world_close(&p->w);
	snprintf(command, sizeof command, "rm -r %s", p->folder);
	assert_int_equal(system(command), 0);
}

static enum coffer_err append(struct place *p, const char *what)
{
	const struct audit_event e = { .principal = view_str("unix:7"), .operation = 10, .details = view_str(what) };
	return audit_held_append(p->held, NULL, &e);
}

static void hold(struct place *p, const char *what)
{
	assert_int_equal(append(p, what), ERR_OK);
	assert_int_equal(audit_held_commit(p->held, NULL), ERR_OK);
}

static void copy(const char *from, const char *to)
{
	char command[256];
	snprintf(command, sizeof command, "cp -p %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* The file as it stands now, while nobody has it open. */
static void keep_copy(struct place *p)
{
	audit_held_free(p->held);
	copy(p->path, p->kept);
	open_file(p);
	assert_int_equal(attach(p, NULL), ERR_OK);
}

static enum coffer_err put_back(struct place *p, struct reason *reason)
{
	audit_held_free(p->held);
	copy(p->kept, p->path);
	open_file(p);
	return attach(p, reason);
}

static struct view id_of(unsigned number, char out[static 64])
{
	return view_of(out, (size_t)snprintf(out, 64, "held-101112131415161718191a1b1c1d1e1f-%016x", number));
}

static void erase_row(struct place *p, unsigned number)
{
	char id[64];
	assert_int_equal(store_begin(p->file, NULL), ERR_OK);
	assert_int_equal(store_erase(p->file, STORE_DOMAIN, id_of(number, id)), ERR_OK);
	assert_int_equal(store_commit(p->file, NULL), ERR_OK);
}

/* The row of one number with the columns of another, or with one byte changed. */
static void change_row(struct place *p, unsigned number, unsigned from)
{
	struct store_row row;
	char id[64];
	uint8_t header[64], body[1024];
	assert_int_equal(store_begin(p->file, NULL), ERR_OK);
	assert_int_equal(store_get(p->file, STORE_DOMAIN, id_of(from, id), &row), ERR_OK);
	memcpy(header, row.header.ptr, row.header.len);
	memcpy(body, row.body.ptr, row.body.len);
	row.header.ptr = header;
	row.body.ptr = body;
	row.index = view_of(NULL, 0);
	if (from == number) body[40] ^= 1;
	memcpy(row.id, id_of(number, id).ptr, row.id_len);
	assert_int_equal(store_put(p->file, STORE_DOMAIN, &row, true), ERR_OK);
	assert_int_equal(store_commit(p->file, NULL), ERR_OK);
}

static void each_is_moved_once(void **state)
{
	struct place p;
	struct stat st;
	(void)state;
	set_up(&p);
	assert_int_equal(stat(p.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	hold(&p, "a");
	assert_int_equal(append(&p, "b"), ERR_OK);
	assert_int_equal(append(&p, "c"), ERR_OK);
	assert_int_equal(audit_held_commit(p.held, NULL), ERR_OK);
	assert_int_equal(again(&p, NULL), ERR_OK);
	assert_int_equal(audit_held_waiting(p.held), 3);
	hold(&p, "d");
	struct audit_held_place to = move(&p, 3);
	assert_false(to.all);
	assert_int_equal(audit_held_moved(p.held, &to), ERR_OK);
	assert_int_equal(audit_held_waiting(p.held), 1);
	settle(&p);
	assert_string_equal(p.seen, "a b c d ");
	assert_int_equal(audit_chain_length(p.log), 4);
	assert_int_equal(again(&p, NULL), ERR_OK);
	assert_int_equal(audit_held_waiting(p.held), 0);
	hold(&p, "e");
	settle(&p);
	assert_string_equal(p.seen, "a b c d e ");
	tear_down(&p);
}

/* Between the commit in the database and the removal here; and more is held before it is tried again. */
static void a_crash_behind_the_commit_doubles_nothing(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold(&p, "a");
	hold(&p, "b");
	(void)move(&p, 100);
	assert_int_equal(again(&p, NULL), ERR_OK);
	assert_int_equal(audit_held_waiting(p.held), 2);
	hold(&p, "c");
	settle(&p);
	settle(&p);
	assert_string_equal(p.seen, "a b c ");
	assert_int_equal(audit_chain_length(p.log), 3);
	tear_down(&p);
}

/* The transaction of the database did not become durable. */
static void what_was_not_committed_is_moved_again(void **state)
{
	struct place p;
	struct audit_held_place to;
	(void)state;
	set_up(&p);
	hold(&p, "a");
	begin(&p.w);
	assert_int_equal(audit_held_move(p.held, p.w.txn, 100, take, &p, &to), ERR_OK);
	txn_abort(p.w.txn);
	p.seen[0] = '\0';
	settle(&p);
	assert_string_equal(p.seen, "a ");
	assert_int_equal(audit_chain_length(p.log), 1);
	tear_down(&p);
}

static void what_is_undone_is_not_held(void **state)
{
	struct place p;
	const struct audit_event e = { .principal = view_str("unix:7"), .details = view_str("undone") };
	(void)state;
	set_up(&p);
	begin(&p.w);
	assert_int_equal(txn_mark(p.w.txn), ERR_OK);
	assert_int_equal(audit_held_append(p.held, p.w.txn, &e), ERR_OK);
	txn_undo(p.w.txn);
	assert_int_equal(audit_held_append(p.held, p.w.txn, &(struct audit_event){ .principal = view_str("unix:7"), .details = view_str("done") }), ERR_OK);
	assert_int_equal(audit_held_commit(p.held, NULL), ERR_OK);
	txn_abort(p.w.txn);
	settle(&p);
	assert_string_equal(p.seen, "done ");
	tear_down(&p);
}

static void hold_three(struct place *p)
{
	hold(p, "a");
	hold(p, "b");
	hold(p, "c");
}

static void assert_refused(struct place *p, const char *says)
{
	struct reason reason = { "" };
	assert_int_equal(again(p, &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason.text, says));
	assert_int_equal(append(p, "more"), ERR_STATE);
}

static void what_was_changed_is_named_and_the_rest_is_moved(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold_three(&p);
	change_row(&p, 2, 2);
	assert_refused(&p, "record 2 of it is missing or was changed");
	settle(&p);
	assert_string_equal(p.seen, "a lost2-2 c ");
	hold(&p, "d");
	settle(&p);
	assert_string_equal(p.seen, "a lost2-2 c d ");
	tear_down(&p);
}

static void what_was_swapped_or_taken_out_is_named(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold_three(&p);
	change_row(&p, 1, 3);
	assert_refused(&p, "record 1 of it is missing or was changed");
	settle(&p);
	assert_string_equal(p.seen, "lost1-1 b c ");
	hold(&p, "d");
	hold(&p, "e");
	erase_row(&p, 4);
	assert_refused(&p, "record 4 of it is missing or was changed");
	settle(&p);
	assert_string_equal(p.seen, "lost1-1 b c lost4-4 e ");
	tear_down(&p);
}

static void a_cut_end_is_named(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold_three(&p);
	erase_row(&p, 3);
	assert_refused(&p, "1 records at its end are missing");
	settle(&p);
	assert_string_equal(p.seen, "a b lost3-3 ");
	hold(&p, "d");
	settle(&p);
	assert_string_equal(p.seen, "a b lost3-3 d ");
	tear_down(&p);
}

static void a_file_that_is_gone_is_named(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold_three(&p);
	audit_held_free(p.held);
	assert_int_equal(unlink(p.path), 0);
	open_file(&p);
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	settle(&p);
	assert_string_equal(p.seen, "lost1-3 ");
	tear_down(&p);
}

/* Also one that was moved: nothing is in the log twice. */
static void an_older_file_is_refused(void **state)
{
	struct place p;
	struct reason reason = { "" };
	(void)state;
	set_up(&p);
	hold(&p, "a");
	keep_copy(&p);
	hold(&p, "b");
	settle(&p);
	assert_int_equal(put_back(&p, &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason.text, "1 records at its end are missing, an older copy was put back"));
	settle(&p);
	hold(&p, "c");
	settle(&p);
	assert_string_equal(p.seen, "a b lost1-1 c "); /* the first of them stood in a file that was not the newest */
	assert_int_equal(audit_chain_length(p.log), 4);
	tear_down(&p);
}

/* Without the mark an older file goes on: what it has is not what was moved under the same numbers. */
static void an_older_file_that_went_on_is_named(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold(&p, "a");
	keep_copy(&p);
	hold(&p, "b");
	settle(&p);
	root_mark_close(p.mark);
	assert_int_equal(unlink(p.mark_path), 0);
	assert_int_equal(root_mark_open(p.mark_path, &p.mark, NULL), ERR_OK);
	assert_int_equal(put_back(&p, NULL), ERR_OK);
	hold(&p, "x");
	settle(&p);
	assert_string_equal(p.seen, "a b lost1-2 ");
	hold(&p, "c");
	settle(&p);
	assert_string_equal(p.seen, "a b lost1-2 c ");
	tear_down(&p);
}

static void an_older_database_is_told(void **state)
{
	struct place p;
	struct store_row row;
	(void)state;
	set_up(&p);
	hold_three(&p);
	settle(&p);
	begin(&p.w);
	memset(&row, 0, sizeof row);
	snprintf((char *)row.id, sizeof row.id, "held-101112131415161718191a1b1c1d1e1f");
	assert_int_equal(store_erase(p.w.store, STORE_DOMAIN, view_of(row.id, 37)), ERR_OK);
	commit(&p.w);
	hold(&p, "d");
	settle(&p);
	assert_string_equal(p.seen, "a b c lost1-3 d ");
	tear_down(&p);
}

static void another_nodes_file_is_refused(void **state)
{
	struct place p;
	struct domain_id other;
	(void)state;
	set_up(&p);
	hold_three(&p);
	fixture_domain(&other);
	other.node_id[0] ^= 1;
	struct ring *ring = ring_new(&other);
	struct secret *key = rising_secret(0x20, 32);
	assert_non_null(ring);
	assert_int_equal(ring_add(ring, 1, &key), ERR_OK);
	audit_held_free(p.held);
	open_file(&p);
	assert_int_equal(audit_held_attach(p.held, ring, p.mark, NULL), ERR_CORRUPT);
	assert_int_equal(append(&p, "more"), ERR_STATE);
	audit_held_detach(p.held);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	ring_free(ring);
	settle(&p);
	assert_string_equal(p.seen, "a b c ");
	tear_down(&p);
}

static void a_full_file_takes_no_more(void **state)
{
	struct place p;
	char wide[4000];
	(void)state;
	set_up(&p);
	for (unsigned i = 0; i < MOST; i++) hold(&p, "a");
	assert_int_equal(append(&p, "b"), ERR_FULL);
	settle(&p);
	memset(wide, 'w', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	hold(&p, wide);
	assert_int_equal(append(&p, wide), ERR_FULL);
	assert_int_equal(append(&p, "small"), ERR_OK);
	audit_held_drop(p.held);
	tear_down(&p);
}

/* The base follows the data key, so that the former one can leave. */
static void a_newer_data_key_is_followed(void **state)
{
	struct place p;
	(void)state;
	set_up(&p);
	hold(&p, "a");
	struct secret *key = rising_secret(0x21, 32);
	assert_int_equal(ring_add(p.w.ring, 2, &key), ERR_OK);
	assert_true(audit_held_is_due(p.held));
	settle(&p);
	hold(&p, "b");
	assert_int_equal(again(&p, NULL), ERR_OK);
	settle(&p);
	assert_string_equal(p.seen, "a b ");
	tear_down(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_moved_once),
		cmocka_unit_test(a_crash_behind_the_commit_doubles_nothing),
		cmocka_unit_test(what_was_not_committed_is_moved_again),
		cmocka_unit_test(what_is_undone_is_not_held),
		cmocka_unit_test(what_was_changed_is_named_and_the_rest_is_moved),
		cmocka_unit_test(what_was_swapped_or_taken_out_is_named),
		cmocka_unit_test(a_cut_end_is_named),
		cmocka_unit_test(a_file_that_is_gone_is_named),
		cmocka_unit_test(an_older_file_is_refused),
		cmocka_unit_test(an_older_file_that_went_on_is_named),
		cmocka_unit_test(an_older_database_is_told),
		cmocka_unit_test(another_nodes_file_is_refused),
		cmocka_unit_test(a_full_file_takes_no_more),
		cmocka_unit_test(a_newer_data_key_is_followed),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
