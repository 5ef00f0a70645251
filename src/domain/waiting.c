/* The rows of table 65. */
#include "domain/waiting.h"

#include <string.h>

static const uint8_t card_id[UUID_LEN];

static bool is_card(const struct store_row *row)
{
	return row->id_len == sizeof card_id && memcmp(row->id, card_id, sizeof card_id) == 0;
}

static enum coffer_err put(struct store *store, const uint8_t id[static UUID_LEN], struct view body)
{
	static const uint8_t header[] = { 1 }, no_entries[] = { 0, 0 };
	struct store_row row = { .id_len = UUID_LEN, .version = 1, .state = 1, .header = view_of(header, sizeof header), .index = view_of(no_entries, sizeof no_entries),
		.body = body };
	memcpy(row.id, id, UUID_LEN);
	return store_put(store, STORE_ADMISSION, &row, true);
}

/* ---- card ---- */

enum coffer_err waiting_card(struct store *store, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct domain_id *domain, struct reason *reason)
{
	struct store_row row;
	enum coffer_err err = store_get(store, STORE_ADMISSION, view_of(card_id, sizeof card_id), &row);
	if (err == ERR_NOT_FOUND)
		return reason_fail(reason, err, "there is no domain in this store that several nodes share; look at the store's configuration on both nodes, and at store_shared on the one that has the domain");
	if (err) return reason_default(reason, err, "the domain's card cannot be read: %s", err_text(err));
	return admission_card_read(row.body, typed, domain, reason);
}

enum coffer_err waiting_has_card(struct store *store, bool *out)
{
	struct store_row row;
	enum coffer_err err = store_get(store, STORE_ADMISSION, view_of(card_id, sizeof card_id), &row);
	*out = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum coffer_err waiting_put_card(struct store *store, const struct domain_id *domain)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	TRY(admission_card_write(domain, &body));
	return put(store, card_id, buf_view(&body));
}

/* ---- rows ---- */

enum coffer_err waiting_get(struct store *store, const uint8_t node_id[static UUID_LEN], struct buf *out)
{
	struct store_row row;
	TRY(store_get(store, STORE_ADMISSION, view_of(node_id, UUID_LEN), &row));
	return buf_append(out, row.body);
}

enum coffer_err waiting_put(struct store *store, const uint8_t node_id[static UUID_LEN], struct view body)
{
	struct store_row row;
	uint64_t count;
	enum coffer_err err = store_get(store, STORE_ADMISSION, view_of(node_id, UUID_LEN), &row);
	if (err && err != ERR_NOT_FOUND) return err;
	if (err == ERR_NOT_FOUND) {
		TRY(store_count(store, STORE_ADMISSION, &count));
		ENSURE(count < ADMISSION_WAITING_MAX + 1, ERR_LIMIT);
	}
	return put(store, node_id, body);
}

enum coffer_err waiting_erase(struct store *store, const uint8_t node_id[static UUID_LEN])
{
	enum coffer_err err = store_erase(store, STORE_ADMISSION, view_of(node_id, UUID_LEN));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

struct walk {
	waiting_fn *fn;
	void *arg;
};

static enum coffer_err step(void *arg, const struct store_row *row)
{
	const struct walk *w = arg;
	if (is_card(row) || row->id_len != UUID_LEN) return ERR_OK;
	return w->fn(w->arg, row->id, row->body);
}

enum coffer_err waiting_each(struct store *store, waiting_fn *fn, void *arg)
{
	struct walk w = { fn, arg };
	return store_scan(store, STORE_ADMISSION, view_of(NULL, 0), false, ADMISSION_WAITING_MAX + 1, step, &w);
}

struct search {
	const uint8_t *typed;
	struct buf *out;
	bool found;
};

static enum coffer_err compare(void *arg, const uint8_t *node_id, struct view bytes)
{
	struct search *s = arg;
	struct admission_row row;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	(void)node_id;
	if (s->found || admission_row_read(bytes, &row, NULL) != ERR_OK) return ERR_OK;
	TRY(admission_digest(row.request, digest));
	s->found = view_equal(view_of(digest, DOMAIN_FINGERPRINT_LEN), view_of(s->typed, DOMAIN_FINGERPRINT_LEN));
	return s->found ? buf_append(s->out, bytes) : ERR_OK;
}

enum coffer_err waiting_find(struct store *store, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct buf *out, struct reason *reason)
{
	struct search s = { .typed = typed, .out = out };
	enum coffer_err err = waiting_each(store, compare, &s);
	if (err) return reason_default(reason, err, "the requests to join cannot be read: %s", err_text(err));
	if (s.found) return ERR_OK;
	return reason_fail(reason, ERR_NOT_FOUND, "no request has this fingerprint; read it from the new node's own screen once more");
}

struct stale {
	uint64_t now_ms;
	uint8_t ids[ADMISSION_WAITING_MAX + 1][UUID_LEN];
	size_t count;
};

static bool is_stale(struct view bytes, uint64_t now_ms)
{
	struct admission_row row;
	struct admission_request q;
	if (admission_row_read(bytes, &row, NULL) != ERR_OK || admission_request_read(row.request, &q, NULL) != ERR_OK) return true;
	uint64_t apart = now_ms > q.created_ms ? now_ms - q.created_ms : q.created_ms - now_ms;
	return apart > ADMISSION_AGE_MAX_MS;
}

static enum coffer_err note_stale(void *arg, const uint8_t *node_id, struct view bytes)
{
	struct stale *s = arg;
	if (s->count < sizeof s->ids / sizeof s->ids[0] && is_stale(bytes, s->now_ms)) memcpy(s->ids[s->count++], node_id, UUID_LEN);
	return ERR_OK;
}

enum coffer_err waiting_clear(struct store *store, uint64_t now_ms)
{
	struct stale s = { .now_ms = now_ms };
	TRY(waiting_each(store, note_stale, &s));
	for (size_t i = 0; i < s.count; i++) TRY(waiting_erase(store, s.ids[i]));
	return ERR_OK;
}
