/* Two nodes over one store. */
#include "shared.h"

#include "store/postgres.h"

static unsigned generations = 1;

struct store *shared_open_postgres(const struct world *w, uint64_t writer)
{
	struct store *s = NULL;
	const struct postgres_config config = {
		.conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = w->schema, .writer = writer, .connect_ms = 10000, .statement_ms = 10000,
	};
	struct reason why = { "" };
	if (store_open_postgres(&config, &s, &why) != ERR_OK) fail_msg("%s", why.text);
	return s;
}

struct ring *shared_ring_of(unsigned node)
{
	struct domain_id domain;
	fixture_domain(&domain);
	domain.node_id[0] = (uint8_t)(0xa0 + node);
	struct ring *ring = ring_new(&domain);
	for (unsigned i = 0; i < generations; i++) {
		struct secret *key = rising_secret((uint8_t)(0x20 + i), DATA_KEY_LEN);
		assert_int_equal(ring_add(ring, i + 1, &key), ERR_OK);
	}
	return ring;
}

void shared_open_node(struct world *w, unsigned i)
{
	struct node *n = &w->nodes[i];
	struct root_mark *mark;
	n->ring = shared_ring_of(i);
	assert_int_equal(rooted_store_new(w->postgres ? shared_open_postgres(w, i + 1) : w->raw, &n->store), ERR_OK);
	assert_int_equal(rooted_store_share(n->store), ERR_OK);
	snprintf(n->mark, sizeof n->mark, "%s/mark%u", w->dir, i);
	assert_int_equal(root_mark_open(n->mark, &mark, NULL), ERR_OK);
	rooted_store_set_mark(n->store, mark);
	assert_int_equal(rooted_store_attach(n->store, n->ring, NULL), ERR_OK);
}

void shared_close_node(struct world *w, unsigned i)
{
	struct node *n = &w->nodes[i];
	if (!n->store) return;
	if (!w->postgres) rooted_of(n->store)->inner = NULL; /* the world's */
	store_close(n->store);
	ring_free(n->ring);
	n->store = NULL;
}

static int open_world(void **state, bool postgres)
{
	static unsigned schemas;
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	generations = 1;
	w->postgres = postgres;
	snprintf(w->schema, sizeof w->schema, "r%u_%u", (unsigned)getpid(), ++schemas);
	snprintf(w->dir, sizeof w->dir, "/tmp/coffer-shared-XXXXXX");
	if (!mkdtemp(w->dir) || (postgres && !getenv("COFFER_TEST_POSTGRES"))) return -1;
	if (postgres) w->raw = shared_open_postgres(w, 99);
	else if (store_open_memory(&w->raw) != ERR_OK) return -1;
	for (unsigned i = 0; i < NODES; i++) {
		shared_open_node(w, i);
		if (rooted_store_verdict(w->nodes[i].store, NULL) != ERR_OK) return -1;
	}
	return 0;
}

int shared_in_memory(void **state)
{
	return open_world(state, false);
}

int shared_in_postgres(void **state)
{
	return open_world(state, true);
}

int shared_close_world(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < NODES; i++) {
		shared_close_node(w, i);
		unlink(w->nodes[i].mark);
	}
	store_close(w->raw);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* ---- rows ---- */

struct store_row shared_row_of(unsigned id, uint32_t version, const char *body)
{
	static const uint8_t header[] = { 1 };
	struct store_row row = { .id_len = UUID_LEN, .version = version, .state = 1, .generation = 1, .header = view_of(header, 1), .body = view_str(body) };
	rising((uint8_t)id, row.id, UUID_LEN);
	return row;
}

struct view shared_id_of(const struct store_row *row)
{
	return view_of(row->id, row->id_len);
}

void shared_commit(struct store *s)
{
	struct reason why = { "" };
	enum coffer_err err = store_commit(s, &why);
	if (err) fail_msg("commit: %s", reason_text(&why, err));
}

void shared_put(struct store *s, enum store_table table, unsigned id, uint32_t version, const char *body)
{
	struct store_row row = shared_row_of(id, version, body);
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, table, &row, true), ERR_OK);
	shared_commit(s);
}

void shared_erase(struct store *s, enum store_table table, struct view id)
{
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_erase(s, table, id), ERR_OK);
	shared_commit(s);
}

void shared_take_copy(struct store *s, enum store_table table, struct view id, struct copy *out)
{
	struct store_row row;
	assert_int_equal(store_get(s, table, id, &row), ERR_OK);
	struct view *parts[] = { &row.header, &row.index, &row.body };
	size_t at = 0;
	for (size_t i = 0; i < 3; i++) {
		assert_true(at + parts[i]->len <= sizeof out->bytes);
		if (parts[i]->len) memcpy(out->bytes + at, parts[i]->ptr, parts[i]->len);
		*parts[i] = view_of(out->bytes + at, parts[i]->len);
		at += parts[i]->len;
	}
	out->row = row;
}

void shared_put_copy(struct store *s, enum store_table table, const struct copy *copy)
{
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, table, &copy->row, true), ERR_OK);
	shared_commit(s);
}

struct store_row shared_root_of(unsigned node)
{
	struct ring *ring = shared_ring_of(node);
	struct store_row row = { .id_len = 0 };
	root_node_row_id(ring_domain(ring)->node_id, &row);
	ring_free(ring);
	return row;
}

void shared_uuid_of(unsigned node, char out[static UUID_TEXT_LEN + 1])
{
	struct domain_id domain;
	fixture_domain(&domain);
	domain.node_id[0] = (uint8_t)(0xa0 + node);
	text_uuid(domain.node_id, out);
}

/* ---- checking ---- */

void shared_note(void *arg, const struct rooted_fault *fault)
{
	struct findings *f = arg;
	f->count++;
	f->last = *fault;
}

size_t shared_pass(struct store *s, struct findings *out)
{
	struct rooted_watch watch = { .fault = shared_note, .arg = out };
	bool done = false;
	*out = (struct findings){ .count = 0 };
	rooted_store_pass_begin(s);
	while (!done) assert_int_equal(rooted_store_pass_step(s, 3, &watch, &done), ERR_OK);
	return out->count;
}

void shared_expect_well(struct world *w, unsigned seed)
{
	struct findings f;
	size_t faults;
	for (unsigned i = 0; i < NODES; i++) {
		if (shared_pass(w->nodes[i].store, &f)) fail_msg("seed %u: node %u: table %d: %d", seed, i, (int)f.last.table, (int)f.last.kind);
		assert_int_equal(rooted_store_check_small(w->nodes[i].store, &(struct rooted_watch){ .fault = shared_note, .arg = &f }, &faults), ERR_OK);
		assert_int_equal(faults, 0);
	}
}

static void take_told(void *arg, enum store_table table, struct view id)
{
	struct told *t = arg;
	t->table = table;
	if (t->count < sizeof t->first) t->first[t->count] = id.ptr[0];
	t->count++;
}

struct told shared_refresh(struct store *s)
{
	struct told t = { .count = 0 };
	struct reason why = { "" };
	bool everything;
	enum coffer_err err = rooted_store_refresh(s, take_told, &t, &everything, &why);
	if (err) fail_msg("refresh: %s", reason_text(&why, err));
	t.everything = everything;
	return t;
}

void shared_expect_refused(struct store *s, const char *part, const char *part2)
{
	struct reason why = { "" };
	bool everything;
	enum coffer_err err = rooted_store_refresh(s, NULL, NULL, &everything, &why);
	if (err != ERR_CORRUPT || !strstr(why.text, part) || !strstr(why.text, part2)) fail_msg("%s: '%s' without '%s', '%s'", err_text(err), why.text, part, part2);
	struct store_row row = shared_row_of(0x77, 1, "refused");
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_CORRUPT);
	store_rollback(s);
}
