/* The root as it is found, made for the first time, or made anew because an operator said so. */
#include <stdarg.h>
#include <string.h>

#include "base/ct.h"
#include "keyring/rooted_internal.h"

/* Nobody wrote anything here yet. */
enum coffer_err rooted_is_empty(struct rooted *r, bool *out)
{
	*out = true;
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END && *out; t++) {
		uint64_t rows;
		TRY(store_count(r->inner, (enum store_table)t, &rows));
		*out = rows == 0;
	}
	return ERR_OK;
}

void rooted_begin_root(struct rooted *r)
{
	memset(&r->now, 0, sizeof r->now);
	r->now.root.generation = ring_newest(r->ring);
	memcpy(r->now.root.head.node_id, ring_domain(r->ring)->node_id, UUID_LEN);
}

void rooted_keep(struct rooted *r)
{
	r->now.dirty = false;
	r->durable = r->now;
	r->pass.active = false;
}

struct newest {
	struct root_head *head;
};

static enum coffer_err take_newest(void *arg, const struct store_row *row)
{
	root_head_follow(((struct newest *)arg)->head, row);
	return ERR_OK;
}

enum coffer_err rooted_find_head(struct rooted *r, const uint8_t node_id[static UUID_LEN], struct root_head *out)
{
	uint8_t end[UUID_LEN + 8];
	struct root_head head = { .seq = 0 };
	struct newest n = { &head };
	memcpy(head.node_id, node_id, UUID_LEN);
	memcpy(end, head.node_id, UUID_LEN);
	memset(end + UUID_LEN, 0xff, 8);
	TRY(store_scan(r->inner, STORE_AUDIT, view_of(end, sizeof end), true, 1, take_newest, &n));
	*out = head;
	return ERR_OK;
}

static enum coffer_err sum_all(struct rooted *r, struct root *root)
{
	size_t faults = 0;
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++)
		TRY(rooted_sum_table(r, (enum store_table)t, NULL, &root->tables[t], &faults));
	return rooted_find_head(r, ring_domain(r->ring)->node_id, &root->head);
}

void rooted_judge(struct rooted *r, enum coffer_err err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	r->verdict = err;
	vsnprintf(r->why.text, sizeof r->why.text, fmt, args);
	va_end(args);
}

/* A mark is written after its commit: the store of one that stands under a newer data key had that key. */
static bool mark_is_of_newer_key(struct rooted *r)
{
	uint32_t newest = ring_newest(r->ring), marked = r->mark && !r->founding ? root_mark_generation(r->mark) : 0;
	if (marked <= newest) return false;
	r->verdict = ERR_CORRUPT;
	snprintf(r->why.text, sizeof r->why.text, "integrity: the store is older than this node has seen: node.root was written under generation %u of the data key, and "
		"the store's newest is %u (an older copy was put back); restore the newest copy, or run 'coffer store accept' to go on with this one", marked, newest);
	return true;
}

void rooted_compare_mark(struct rooted *r)
{
	uint64_t have = r->durable.root.version;
	enum coffer_err err = r->mark ? root_mark_read(r->mark, r->ring, &r->mark_version) : ERR_OK;
	r->mark_missing = err != ERR_OK && have > 1; /* the first is written after the first commit */
	if (mark_is_of_newer_key(r) || err || r->mark_version <= have) return;
	r->verdict = ERR_CORRUPT;
	snprintf(r->why.text, sizeof r->why.text, "integrity: the store is older than this node has seen: %s last %llu changes are missing (the log was lost or "
		"damaged, or an older copy put back); restore the newest copy, or run 'coffer store accept' to go on without them", r->shared ? "this node's own" : "its",
		(unsigned long long)(r->mark_version - have));
}

/* Nothing is written under a root that is not known; and how far the store was is not forgotten. */
static enum coffer_err unreadable(struct rooted *r, enum coffer_err err, struct reason *reason)
{
	r->verdict = err;
	return reason_default(reason, err, "the store's version root cannot be read: %s", err_text(err));
}

static enum coffer_err note_node_root(void *arg, const struct store_row *row)
{
	*(bool *)arg = root_is_of_node(STORE_DOMAIN, view_of(row->id, row->id_len), NULL);
	return ERR_OK;
}

static enum coffer_err nothing_there(struct rooted *r, struct reason *reason)
{
	bool empty;
	enum coffer_err err = rooted_is_empty(r, &empty);
	if (err) return unreadable(r, err, reason);
	rooted_begin_root(r);
	rooted_keep(r);
	r->founding = empty;
	if (empty) {
		rooted_compare_mark(r);
		return ERR_OK;
	}
	bool of_others = false;
	err = store_scan(r->inner, STORE_DOMAIN, view_str(ROOT_NODE_ID), false, 1, note_node_root, &of_others);
	if (err) return unreadable(r, err, reason);
	if (of_others) rooted_judge(r, ERR_VERSION, "the store is one that several nodes write, and store_shared is not said; set store_shared = yes in the configuration");
	else rooted_judge(r, ERR_CORRUPT, "integrity: the store's version root is missing (or a program that kept none wrote the store), so rows may be missing or old; restore the store from a backup, or look at "
		"'coffer store check' and then run 'coffer store accept'");
	return ERR_OK;
}

enum coffer_err rooted_read(struct rooted *r, struct reason *reason)
{
	struct store_row row;
	struct root root;
	if (r->shared) return rooted_read_shared(r, reason);
	rooted_judge(r, ERR_OK, "%s", "");
	r->founding = false;
	enum coffer_err err = store_get(r->inner, STORE_DOMAIN, view_str(ROOT_ID), &row);
	if (err == ERR_NOT_FOUND) return nothing_there(r, reason);
	if (!err) err = root_from_row(r->ring, &row, &root);
	if (err && err != ERR_CORRUPT && err != ERR_VERSION) return unreadable(r, err, reason);
	rooted_begin_root(r);
	if (!err) r->now.root = root;
	rooted_keep(r);
	if (err == ERR_CORRUPT)
		rooted_judge(r, err, "integrity: the store's version root does not open, the store was edited or damaged; restore it from a backup, or look at "
			"'coffer store check' and then run 'coffer store accept'");
	else if (err == ERR_VERSION) rooted_judge(r, err, "the store's version root has a format that this version does not know; install a newer Coffer");
	else rooted_compare_mark(r);
	return ERR_OK;
}

enum coffer_err rooted_store_attach(struct store *s, struct ring *ring, struct reason *reason)
{
	if (!rooted_store_is(s)) return ERR_OK;
	struct rooted *r = rooted_of(s);
	PRE(!s->in_transaction);
	r->ring = ring;
	r->mark_missing = false;
	r->mark_version = r->known = 0;
	r->pass.active = false;
	rooted_judge(r, ERR_OK, "%s", "");
	if (!ring) return ERR_OK;
	ring_set_shared(ring, r->shared);
	enum coffer_err err = r->shared ? rooted_begin_peers(r) : ERR_OK;
	if (!err) err = rooted_read(r, reason);
	if (!err && r->shared) rooted_know_changes(r);
	if (err) r->ring = NULL;
	return err;
}

enum coffer_err rooted_store_verdict(const struct store *s, struct reason *reason)
{
	if (!rooted_store_is(s)) return ERR_OK;
	const struct rooted *r = (const struct rooted *)s;
	return r->verdict ? reason_fail(reason, r->verdict, "%s", r->why.text) : ERR_OK;
}

void rooted_store_facts(const struct store *s, struct rooted_facts *out)
{
	*out = (struct rooted_facts){ .rooted = false };
	if (!rooted_store_is(s)) return;
	const struct rooted *r = (const struct rooted *)s;
	const struct root *root = &r->durable.root;
	*out = (struct rooted_facts){ .rooted = r->ring != NULL, .mark_missing = r->mark_missing && r->mark, .version = root->version,
		.mark = r->mark_version, .accepted = root->accepted, .accepted_ms = root->accepted_ms, .accepted_from = root->accepted_from,
		.two_administrators = rooted_two_administrators(r) };
}

void rooted_store_counts(const struct store *s, uint64_t out[static STORE_TABLE_END])
{
	memset(out, 0, STORE_TABLE_END * sizeof *out);
	if (!rooted_store_is(s)) return;
	const struct rooted *r = (const struct rooted *)s;
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		struct root_sum total = r->durable.root.tables[t];
		for (size_t i = 0; i < r->peer_count; i++) if (r->peers[i].there) root_sum_join(&total, &r->peers[i].root.tables[t]);
		out[t] = total.count;
	}
}

bool rooted_store_is_head(const struct store *s, uint64_t seq, const uint8_t link[static 32])
{
	if (!rooted_store_is(s)) return false;
	const struct rooted *r = (const struct rooted *)s;
	const struct root_head *head = s->in_transaction ? &r->now.root.head : &r->durable.root.head;
	return r->ring && !r->verdict && seq != 0 && head->seq == seq && ct_equal(head->link, link, ROOT_LINK_LEN);
}

enum coffer_err rooted_store_accept(struct store *s, uint64_t now_ms)
{
	struct rooted *r = rooted_of(s);
	struct root *root = &r->now.root;
	PRE(s->in_transaction);
	ENSURE(r->ring, ERR_SEALED);
	uint64_t from = root->version;
	if (r->shared) TRY(rooted_read_peers(r));
	root->generation = ring_newest(r->ring);
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++) TRY(rooted_mend_copies(r, (enum store_table)t));
	TRY(sum_all(r, root));
	if (r->shared) TRY(rooted_accept_peers(r));
	root->accepted++;
	root->accepted_ms = now_ms;
	root->accepted_from = from;
	if (root->version < r->mark_version) root->version = r->mark_version;
	if (root->version < r->known) root->version = r->known;
	r->now.dirty = true;
	r->pass.active = false;
	r->accepting = true;
	return ERR_OK;
}

enum coffer_err rooted_store_root_row(struct store *s, struct store_row *out, struct buf *to, struct reason *reason)
{
	struct rooted *r = rooted_of(s);
	struct store_row row;
	if (r->shared) return reason_fail(reason, ERR_UNSUPPORTED, "a store that several nodes write cannot be backed up by one of them yet; back up the database itself");
	TRY(rooted_store_verdict(s, reason));
	TRY(store_get(r->inner, STORE_DOMAIN, view_str(ROOT_ID), &row));
	size_t at = to->len;
	TRY(buf_reserve(to, row.header.len + row.index.len + row.body.len + 1)); /* so that it does not move */
	TRY(buf_append(to, row.header));
	TRY(buf_append(to, row.index));
	TRY(buf_append(to, row.body));
	*out = row;
	out->header = view_of(to->ptr + at, row.header.len);
	out->index = view_of(to->ptr + at + row.header.len, row.index.len);
	out->body = view_of(to->ptr + at + row.header.len + row.index.len, row.body.len);
	return ERR_OK;
}

void rooted_store_continue(struct store *s, const struct root *archived, bool accept, uint64_t now_ms)
{
	struct rooted *r = rooted_of(s);
	struct root *root = &r->now.root;
	PRE(s->in_transaction && r->ring);
	if (root->version < archived->version) root->version = archived->version;
	r->mark_missing = false; /* this node had no store before */
	root->accepted = archived->accepted + (accept ? 1 : 0);
	root->accepted_ms = accept ? now_ms : archived->accepted_ms;
	root->accepted_from = accept ? archived->version : archived->accepted_from;
	root->two_administrators = root->two_administrators || archived->two_administrators;
	r->now.dirty = true;
}

void rooted_store_need_two(struct store *s, bool two)
{
	if (!rooted_store_is(s)) return;
	struct rooted *r = rooted_of(s);
	PRE(s->in_transaction && r->ring);
	if (rooted_two_administrators(r) == two) return;
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].root.flag_changes > r->now.root.flag_changes) r->now.root.flag_changes = r->peers[i].root.flag_changes;
	if (r->shared) r->now.root.flag_changes++;
	r->now.root.two_administrators = two;
	r->now.dirty = true;
}

void rooted_store_sync_mark(struct store *s)
{
	if (rooted_store_is(s) && rooted_of(s)->mark) root_mark_sync(rooted_of(s)->mark);
}
