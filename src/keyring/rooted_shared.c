/* A store that several nodes write: the roots of all of them, and that none is older than was seen (docs/formats.md section 23.1). */
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "crypto/hash.h"
#include "keyring/rooted_internal.h"

bool rooted_is_root(const struct rooted *r, enum store_table table, struct view id)
{
	return root_is_own_row(table, id) || (r->shared && root_is_of_node(table, id, NULL));
}

void rooted_total(const struct rooted *r, enum store_table table, struct root_sum *out)
{
	*out = r->now.root.tables[table];
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].there) root_sum_join(out, &r->peers[i].root.tables[table]);
}

uint32_t rooted_generation(const struct rooted *r)
{
	uint32_t newest = r->now.root.generation; /* 0: others have a row, this node not yet */
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].there && r->peers[i].root.generation > newest) newest = r->peers[i].root.generation;
	return newest;
}

bool rooted_two_administrators(const struct rooted *r)
{
	const struct root *own = &r->now.root;
	uint32_t newest = own->flag_changes;
	bool two = own->two_administrators;
	for (size_t i = 0; i < r->peer_count; i++) {
		const struct root *other = &r->peers[i].root;
		if (!r->peers[i].there || other->flag_changes < newest) continue;
		two = other->two_administrators || (two && other->flag_changes == newest);
		newest = other->flag_changes;
	}
	return two;
}

static struct rooted_peer *find_peer(struct rooted *r, const uint8_t node_id[static UUID_LEN])
{
	for (size_t i = 0; i < r->peer_count; i++)
		if (memcmp(r->peers[i].node_id, node_id, UUID_LEN) == 0) return &r->peers[i];
	return NULL;
}

/* NULL: memory is short. */
static struct rooted_peer *take_in(struct rooted *r, const uint8_t node_id[static UUID_LEN])
{
	struct rooted_peer *p = find_peer(r, node_id);
	if (p) return p;
	if (r->peer_count == r->peer_cap) {
		size_t cap = r->peer_cap ? r->peer_cap * 2 : 4;
		struct rooted_peer *wider = reallocarray(r->peers, cap, sizeof *wider);
		if (!wider) return NULL;
		r->peers = wider;
		r->peer_cap = cap;
	}
	p = &r->peers[r->peer_count++];
	*p = (struct rooted_peer){ .there = false };
	memcpy(p->node_id, node_id, UUID_LEN);
	return p;
}

static enum coffer_err take_seen(void *arg, const uint8_t node_id[static UUID_LEN], uint64_t version)
{
	struct rooted *r = arg;
	uint8_t held[UUID_LEN];
	const uint8_t *own = ring_domain(r->ring)->node_id;
	root_seen_held_id(own, held);
	if (memcmp(node_id, own, UUID_LEN) == 0 || memcmp(node_id, held, UUID_LEN) == 0) return ERR_OK; /* its cache's (keyring/cache.h), and its held records' (audit/held.h) */
	struct rooted_peer *p = take_in(r, node_id);
	ENSURE(p, ERR_MEMORY);
	if (version > p->newest) p->newest = version;
	return ERR_OK;
}

enum coffer_err rooted_begin_peers(struct rooted *r)
{
	r->peer_count = 0;
	return r->mark ? root_seen_load(r->mark, r->ring, take_seen, r) : ERR_OK;
}

enum coffer_err rooted_store_floor(struct store *s, const uint8_t node_id[static UUID_LEN], uint64_t version)
{
	if (!rooted_store_is(s)) return ERR_OK;
	struct rooted *r = rooted_of(s);
	PRE(r->ring && r->shared);
	if (memcmp(node_id, ring_domain(r->ring)->node_id, UUID_LEN) == 0) return ERR_OK;
	TRY(take_seen(r, node_id, version));
	const struct rooted_peer *p = find_peer(r, node_id);
	if (r->mark && p && p->newest) root_seen_write(r->mark, r->ring, node_id, p->newest);
	return ERR_OK;
}

enum coffer_err rooted_store_look_again(struct store *s, struct reason *reason)
{
	if (!rooted_store_is_shared(s)) return ERR_OK;
	PRE(s->in_transaction && rooted_of(s)->ring);
	TRY(rooted_read_peers(rooted_of(s)));
	return rooted_store_verdict(s, reason);
}

bool rooted_store_has_heard(const struct store *s)
{
	if (!rooted_store_is_shared(s)) return true;
	const struct rooted *r = (const struct rooted *)s;
	bool heard = !r->unheard;
	for (size_t i = 0; i < r->peer_count && heard; i++) heard = !r->peers[i].there || r->peers[i].root.changes == r->peers[i].read;
	return heard;
}

static int by_node(const void *a, const void *b)
{
	return memcmp(((const struct rooted_node_version *)a)->node_id, ((const struct rooted_node_version *)b)->node_id, UUID_LEN);
}

void rooted_store_versions(const struct store *s, struct rooted_node_version *out, size_t cap, size_t *out_count)
{
	size_t n = 0;
	*out_count = 0;
	if (!rooted_store_is_shared(s)) return;
	const struct rooted *r = (const struct rooted *)s;
	if (r->ring && r->durable.own_there && n++ < cap) {
		memcpy(out[0].node_id, ring_domain(r->ring)->node_id, UUID_LEN);
		out[0].version = r->durable.root.version;
	}
	for (size_t i = 0; i < r->peer_count; i++) {
		if (!r->peers[i].newest || n++ >= cap) continue;
		memcpy(out[n - 1].node_id, r->peers[i].node_id, UUID_LEN);
		out[n - 1].version = r->peers[i].newest;
	}
	*out_count = n;
	qsort(out, n < cap ? n : cap, sizeof *out, by_node);
}

void rooted_know_changes(struct rooted *r)
{
	for (size_t i = 0; i < r->peer_count; i++) {
		struct rooted_peer *p = &r->peers[i];
		p->read = p->there ? p->root.changes : 0;
		memset(p->read_link, 0, sizeof p->read_link);
		if (p->there) memcpy(p->read_link, p->root.change_link, sizeof p->read_link);
	}
}

/* The first fault counts, and each of them more than a key that is to come: anybody can write a row that looks like one under it. */
static void judge_peer(struct rooted *r, enum coffer_err err, const struct rooted_peer *p, const char *what)
{
	char node[UUID_TEXT_LEN + 1];
	if (r->verdict && (r->verdict != ERR_STATE || err == ERR_STATE)) return;
	text_uuid(p->node_id, node);
	rooted_judge(r, err, "%s the version root of node %s %s", err == ERR_CORRUPT ? "integrity:" : "not ready:", node, what);
	r->peer_verdict = true;
}

static enum coffer_err take_root(void *arg, const struct store_row *row)
{
	struct rooted *r = arg;
	uint8_t node_id[UUID_LEN];
	struct view id = view_of(row->id, row->id_len);
	if (id.len < sizeof ROOT_NODE_ID - 1 || memcmp(id.ptr, ROOT_NODE_ID, sizeof ROOT_NODE_ID - 1) != 0) return ERR_EXISTS; /* behind them all */
	if (!root_is_of_node(STORE_DOMAIN, id, node_id) || memcmp(node_id, ring_domain(r->ring)->node_id, UUID_LEN) == 0) return ERR_OK;
	struct rooted_peer *p = take_in(r, node_id);
	ENSURE(p, ERR_MEMORY);
	enum coffer_err err = root_from_row(r->ring, row, &p->root);
	p->there = err == ERR_OK;
	p->unusable = err != ERR_OK;
	if (err == ERR_CORRUPT) judge_peer(r, err, p, "does not open, the store was edited or damaged; restore it, or look at 'coffer store check' and then run 'coffer store accept'");
	else if (err == ERR_VERSION) judge_peer(r, err, p, "has a format that this version does not know; install a newer Coffer");
	else if (err == ERR_NOT_FOUND) judge_peer(r, ERR_STATE, p, "is under a newer data key than this node has; it is fetched from the master server");
	else return err;
	return ERR_OK;
}

/* None is older than it was seen; and what is new is remembered. */
static void compare_peers(struct rooted *r)
{
	for (size_t i = 0; i < r->peer_count; i++) {
		struct rooted_peer *p = &r->peers[i];
		uint64_t have = p->there ? p->root.version : 0;
		char what[256];
		if (p->unusable || (have >= p->newest && p->there) || !p->newest) continue;
		snprintf(what, sizeof what, "%s: the last %llu changes of that node are missing (an older copy of the store was put back, or a standby that lagged was promoted); "
			"restore the newest copy, or run 'coffer store accept' to go on without them", p->there ? "is older than this node has seen" : "is gone",
			(unsigned long long)(p->newest - have));
		judge_peer(r, ERR_CORRUPT, p, what);
	}
	for (size_t i = 0; i < r->peer_count && !r->verdict; i++) {
		struct rooted_peer *p = &r->peers[i];
		if (!p->there) continue;
		p->newest = p->root.version;
		if (r->mark) root_seen_write(r->mark, r->ring, p->node_id, p->newest);
	}
}

enum coffer_err rooted_read_peers(struct rooted *r)
{
	for (size_t i = 0; i < r->peer_count; i++) r->peers[i].there = r->peers[i].unusable = false;
	if (r->peer_verdict) {
		rooted_judge(r, ERR_OK, "%s", "");
		r->peer_verdict = false;
	}
	enum coffer_err err = store_scan(r->inner, STORE_DOMAIN, view_str(ROOT_NODE_ID), false, SIZE_MAX, take_root, r);
	if (err && err != ERR_EXISTS) return err;
	if (r->accepting) return ERR_OK;
	compare_peers(r);
	return ERR_OK;
}

enum coffer_err rooted_need_peers(struct rooted *r)
{
	TRY(rooted_read_peers(r));
	return r->accepting ? ERR_OK : r->verdict;
}

static enum coffer_err get_own(struct rooted *r, struct store_row *row, uint8_t digest[static ROOT_LINK_LEN])
{
	struct store_row wanted;
	root_node_row_id(ring_domain(r->ring)->node_id, &wanted);
	TRY(store_get(r->inner, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), row));
	return hash_sha256(row->body, digest);
}

/* The root of the time when this node wrote alone. */
static enum coffer_err read_single(struct rooted *r, bool *out_found, struct root *out)
{
	struct store_row row;
	*out_found = false;
	enum coffer_err err = store_get(r->inner, STORE_DOMAIN, view_str(ROOT_ID), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	*out_found = true;
	if (!err) err = root_from_row(r->ring, &row, out);
	return err ? err : out->head.seq ? ERR_OK : ERR_CORRUPT; /* the end of its audit chain says whose it is */
}

static bool has_others(const struct rooted *r)
{
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].there || r->peers[i].unusable) return true;
	return false;
}

/* No row of this node: the first one of the domain, one that wrote alone before, or one that has not written yet. */
static enum coffer_err read_none(struct rooted *r, const struct root *single)
{
	bool empty = true;
	r->now.root.shared = true;
	if (single) {
		r->now.root = *single;
		r->now.root.shared = true;
		r->now.adopting = true;
	} else if (!has_others(r)) {
		TRY(rooted_is_empty(r, &empty));
		r->founding = empty;
	} else {
		r->now.root.generation = 0;
	}
	if (!empty && !r->verdict)
		rooted_judge(r, ERR_CORRUPT, "integrity: the store has rows and no node's version root, so rows may be missing or old; restore the store from a backup, or look at 'coffer store check' "
			"and then run 'coffer store accept'");
	return ERR_OK;
}

static enum coffer_err read_all(struct rooted *r)
{
	struct store_row row;
	struct root own, single;
	uint8_t digest[ROOT_LINK_LEN];
	bool has_single;
	rooted_begin_root(r);
	enum coffer_err err = get_own(r, &row, digest), single_err;
	bool there = err != ERR_NOT_FOUND;
	if (!err) err = root_from_row(r->ring, &row, &own);
	if (there && err && err != ERR_CORRUPT && err != ERR_VERSION && err != ERR_NOT_FOUND) return err;
	single_err = read_single(r, &has_single, &single);
	if (single_err && single_err != ERR_CORRUPT && single_err != ERR_VERSION) return single_err;
	TRY(rooted_read_peers(r));
	if (has_single && (there || single_err || has_others(r)))
		rooted_judge(r, ERR_CORRUPT, "integrity: the store has a version root of one node that writes alone %s; look at 'coffer store check' and then run 'coffer store accept'",
			single_err ? "that is not this node's or does not open" : "beside those of several");
	else if (there && err)
		rooted_judge(r, err == ERR_VERSION ? err : ERR_CORRUPT, "integrity: this node's version root does not open, the store was edited or damaged; restore it, or look at 'coffer store check' and then run "
			"'coffer store accept'");
	if (has_single && r->verdict) r->peer_verdict = false;
	if (there && err) r->peer_verdict = false;
	if (!there) return read_none(r, has_single && !r->verdict ? &single : NULL);
	if (!err) r->now.root = own;
	r->now.root.shared = r->now.own_there = true;
	memcpy(r->now.own_digest, digest, sizeof digest);
	return ERR_OK;
}

enum coffer_err rooted_read_shared(struct rooted *r, struct reason *reason)
{
	rooted_judge(r, ERR_OK, "%s", "");
	r->founding = r->peer_verdict = false;
	TRY(store_begin_reading(r->inner, reason));
	enum coffer_err err = read_all(r);
	store_rollback(r->inner);
	if (err) {
		r->verdict = err;
		return reason_default(reason, err, "the store's version roots cannot be read: %s", err_text(err));
	}
	rooted_keep(r);
	if (r->verdict && r->verdict != ERR_STATE) return ERR_OK;
	rooted_compare_mark(r);
	if (r->verdict != ERR_STATE) r->peer_verdict = false;
	return ERR_OK;
}

/* Who has the data key alone can seal a root, and this process did not: it is no older one. */
static bool is_by_twin(struct rooted *r, const struct store_row *row)
{
	struct root found;
	return root_from_row(r->ring, row, &found) == ERR_OK && found.version >= r->now.root.version;
}

enum coffer_err rooted_check_own(struct rooted *r)
{
	struct store_row row;
	uint8_t digest[ROOT_LINK_LEN];
	enum coffer_err err = get_own(r, &row, digest);
	if (err && err != ERR_NOT_FOUND) return err;
	bool there = err == ERR_OK;
	if (r->accepting || (there == r->now.own_there && (!there || ct_equal(digest, r->now.own_digest, sizeof digest)))) return ERR_OK;
	if (there && is_by_twin(r, &row)) {
		r->twin = true;
		return ERR_EXISTS;
	}
	rooted_judge(r, ERR_CORRUPT, "integrity: this node's version root %s since it wrote it last (an older copy of the store was put back); "
		"look at 'coffer store check' and then run 'coffer store accept'", there ? "was changed" : "is gone");
	r->peer_verdict = false;
	return ERR_CORRUPT;
}

enum coffer_err rooted_wrote_own(struct rooted *r, struct view body)
{
	if (r->now.adopting) TRY(store_erase(r->inner, STORE_DOMAIN, view_str(ROOT_ID)));
	r->now.adopting = false;
	r->now.own_there = true;
	return hash_sha256(body, r->now.own_digest);
}

enum coffer_err rooted_look(struct rooted *r, struct reason *reason)
{
	TRY(store_begin_reading(r->inner, reason));
	r->now = r->durable;
	enum coffer_err err = rooted_read_peers(r);
	if (!err && (!r->verdict || r->peer_verdict)) {
		enum coffer_err own = rooted_check_own(r);
		if (own && own != r->verdict) err = own;
		if (own == ERR_EXISTS) err = reason_fail(reason, own, "%s", rooted_twin_sentence);
	}
	if (err) store_rollback(r->inner);
	return err;
}

static enum coffer_err drop_unusable(struct rooted *r)
{
	for (size_t i = 0; i < r->peer_count; i++) {
		struct store_row row;
		if (!r->peers[i].unusable) continue;
		root_node_row_id(r->peers[i].node_id, &row);
		TRY(store_erase(r->inner, STORE_DOMAIN, view_of(row.id, row.id_len)));
	}
	enum coffer_err err = store_erase(r->inner, STORE_DOMAIN, view_str(ROOT_ID));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum coffer_err rooted_accept_peers(struct rooted *r)
{
	ENSURE(r->verdict != ERR_STATE, ERR_STATE); /* a root under a data key that this node has not got is not damaged */
	TRY(drop_unusable(r));
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++)
		for (size_t i = 0; i < r->peer_count; i++)
			if (r->peers[i].there) root_sum_part(&r->now.root.tables[t], &r->peers[i].root.tables[t]);
	r->now.root.shared = true;
	r->now.adopting = false;
	r->now.changed = ROOTED_CHANGED_MAX + 1;
	return ERR_OK;
}

void rooted_accepted_peers(struct rooted *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->peer_count; i++) {
		if (!r->peers[i].there) continue;
		r->peers[kept] = r->peers[i];
		r->peers[kept].newest = r->peers[i].root.version;
		if (r->mark) root_seen_write(r->mark, r->ring, r->peers[kept].node_id, r->peers[kept].newest);
		kept++;
	}
	r->peer_count = kept;
	r->peer_verdict = false;
}

uint64_t rooted_store_epoch(const struct store *s)
{
	if (!rooted_store_is(s)) return 0;
	const struct rooted *r = (const struct rooted *)s;
	uint64_t epoch = (s->in_transaction ? &r->now : &r->durable)->root.epoch;
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].root.epoch > epoch) epoch = r->peers[i].root.epoch;
	return epoch;
}

void rooted_store_note_epoch(struct store *s, uint64_t epoch)
{
	if (!rooted_store_is(s) || epoch <= rooted_of(s)->now.root.epoch) return;
	struct rooted *r = rooted_of(s);
	PRE(s->in_transaction && r->ring && r->shared);
	r->now.root.epoch = epoch;
	r->now.dirty = true;
}

enum coffer_err rooted_store_reseal_root(struct store *s, const uint8_t node_id[static UUID_LEN])
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct rooted *r = rooted_of(s);
	struct store_row wanted, row;
	struct root root;
	PRE(s->in_transaction && r->ring && r->shared);
	ENSURE(memcmp(node_id, ring_domain(r->ring)->node_id, UUID_LEN) != 0, ERR_FIELD);
	root_node_row_id(node_id, &wanted);
	enum coffer_err err = store_get(r->inner, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row);
	if (err == ERR_NOT_FOUND || (!err && row.generation == ring_newest(r->ring))) return ERR_OK;
	if (!err) err = root_from_row(r->ring, &row, &root);
	TRY(err);
	TRY(root_to_row(r->ring, &root, &row, &body));
	r->now.dirty = true;
	return store_put(r->inner, STORE_DOMAIN, &row, true);
}
