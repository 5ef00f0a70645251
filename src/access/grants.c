/* Grants: sealed records of the store, and the immutable snapshot that decisions are made from. */
#include "access/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/rng.h"
#include "keyring/record.h"

#define GRANTS_MAX 512u /* so that all of them fit into one answer */
#define GRANT_SCHEMA 1u
#define GRANT_BODY_MAX 4096u

struct grants {
	_Atomic unsigned refs;
	size_t count;
	size_t passed; /* rows that do not open: they take up room all the same */
	struct grant *items;
};

static struct grants *grants_new(size_t count)
{
	struct grants *g = calloc(1, sizeof *g);
	if (!g) return NULL;
	g->items = calloc(count ? count : 1, sizeof *g->items);
	if (!g->items) {
		free(g);
		return NULL;
	}
	g->refs = 1;
	g->count = count;
	return g;
}

struct grants *grants_ref(struct grants *g)
{
	if (g) g->refs++;
	return g;
}

void grants_unref(struct grants *g)
{
	if (!g || --g->refs > 0) return;
	free(g->items);
	free(g);
}

size_t grants_count(const struct grants *g)
{
	return g ? g->count : 0;
}

const struct grant *grants_at(const struct grants *g, size_t i)
{
	PRE(g && i < g->count);
	return &g->items[i];
}

static enum coffer_err read_text(struct reader *r, char *out, size_t max)
{
	struct view text;
	TRY(reader_view_u32(r, max, &text));
	ENSURE(text_is_utf8(text), ERR_CORRUPT);
	if (text.len) memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return ERR_OK;
}

static enum coffer_err grant_decode(struct view body, struct grant *out)
{
	struct reader r;
	uint8_t role;
	reader_init(&r, body);
	TRY(read_text(&r, out->principal, PRINCIPAL_MAX));
	ENSURE(out->principal[0] != '\0', ERR_CORRUPT);
	TRY(reader_u8(&r, &role));
	out->role = (enum role)role;
	ENSURE(role_permissions(out->role) != 0, ERR_CORRUPT);
	TRY(read_text(&r, out->scope, GRANT_SCOPE_MAX));
	TRY(read_text(&r, out->granted_by, PRINCIPAL_MAX));
	TRY(reader_u64(&r, &out->created_ms));
	return reader_end(&r);
}

static enum coffer_err grant_encode(const struct grant *grant, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, GRANT_BODY_MAX);
	writer_view_u32(&w, view_str(grant->principal));
	writer_u8(&w, (uint8_t)grant->role);
	writer_view_u32(&w, view_str(grant->scope));
	writer_view_u32(&w, view_str(grant->granted_by));
	writer_u64(&w, grant->created_ms);
	return writer_done(&w);
}

struct loading {
	struct ring *ring;
	struct grants *grants;
	size_t filled, passed;
	bool passes; /* over what does not open */
};

static enum coffer_err open_row(struct ring *ring, const struct store_row *row, struct grant *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	ENSURE(row->id_len == UUID_LEN && row->header.len == 1 && row->header.ptr[0] == GRANT_SCHEMA, ERR_CORRUPT);
	TRY(record_open(ring, STORE_GRANT, row, &plain));
	ENSURE(grant_decode(buf_view(&plain), out) == ERR_OK, ERR_CORRUPT);
	memcpy(out->id, row->id, UUID_LEN);
	return ERR_OK;
}

static enum coffer_err load_row(void *arg, const struct store_row *row, bool is_whole)
{
	struct loading *l = arg;
	ENSURE(l->filled + l->passed < l->grants->count, ERR_CORRUPT);
	struct grant *grant = &l->grants->items[l->filled];
	enum coffer_err err = is_whole ? open_row(l->ring, row, grant) : ERR_CORRUPT;
	if (err == ERR_CORRUPT && l->passes) {
		memset(grant, 0, sizeof *grant);
		l->passed++;
		return ERR_OK;
	}
	TRY(err);
	l->filled++;
	return ERR_OK;
}

static enum coffer_err load(struct txn *txn, bool passes, struct grants **out)
{
	uint64_t count;
	struct store_place place = { .len = 0 };
	TRY(store_count(txn_store(txn), STORE_GRANT, &count));
	ENSURE(count <= GRANTS_MAX, ERR_LIMIT);
	struct loading l = { .ring = txn_ring(txn), .grants = grants_new((size_t)count), .passes = passes };
	ENSURE(l.grants, ERR_MEMORY);
	enum coffer_err err = store_survey(txn_store(txn), STORE_GRANT, &place, GRANTS_MAX, load_row, &l);
	if (!err && l.filled + l.passed != count) err = ERR_CORRUPT;
	if (err) {
		grants_unref(l.grants);
		return err;
	}
	l.grants->count = l.filled;
	l.grants->passed = l.passed;
	if (l.passed) log_error("%zu grants do not open and give no right; 'coffer store check' names them, restore the store or grant anew", l.passed);
	*out = l.grants;
	return ERR_OK;
}

enum coffer_err grants_load(struct txn *txn, struct grants **out)
{
	return load(txn, false, out);
}

enum coffer_err grants_load_passing(struct txn *txn, struct grants **out)
{
	return load(txn, true, out);
}

static bool same_grant(const struct grant *a, const char *principal, enum role role, const char *scope)
{
	return a->role == role && strcmp(a->principal, principal) == 0 && strcmp(a->scope, scope) == 0;
}

static enum coffer_err store_grant(struct txn *txn, const struct grant *grant)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	static const uint8_t header[] = { GRANT_SCHEMA };
	struct store_row row = { .id_len = UUID_LEN, .version = 1, .state = 1, .header = view_of(header, sizeof header) };
	struct record_index_entry entry = { 1, view_str(grant->principal) };

	memcpy(row.id, grant->id, UUID_LEN);
	TRY(grant_encode(grant, &plain));
	TRY(record_index(txn_ring(txn), ring_newest(txn_ring(txn)), STORE_GRANT, &entry, 1, &index));
	row.index = buf_view(&index);
	TRY(record_seal(txn_ring(txn), STORE_GRANT, buf_view(&plain), &row, &body));
	return store_put(txn_store(txn), STORE_GRANT, &row, false);
}

enum coffer_err grants_reseal(struct txn *txn, struct view id)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	static const uint8_t header[] = { GRANT_SCHEMA };
	struct ring *ring = txn_ring(txn);
	struct store_row row;
	struct grant grant;
	TRY(store_get(txn_store(txn), STORE_GRANT, id, &row));
	ENSURE(row.version < UINT32_MAX - 1, ERR_LIMIT);
	TRY(open_row(ring, &row, &grant));
	const struct record_index_entry entry = { 1, view_str(grant.principal) };
	row.version++;
	row.header = view_of(header, sizeof header);
	TRY(record_index(ring, ring_newest(ring), STORE_GRANT, &entry, 1, &index));
	row.index = buf_view(&index);
	TRY(grant_encode(&grant, &plain));
	TRY(record_seal(ring, STORE_GRANT, buf_view(&plain), &row, &body));
	return store_put(txn_store(txn), STORE_GRANT, &row, true);
}

enum coffer_err grants_add(struct txn *txn, const struct grants *from, const struct grant *grant, struct grants **out,
	struct reason *reason)
{
	size_t count = grants_count(from);
	for (size_t i = 0; i < count; i++)
		if (same_grant(&from->items[i], grant->principal, grant->role, grant->scope))
			return reason_fail(reason, ERR_EXISTS, "%s has the role %s already", grant->principal, role_name(grant->role));
	ENSURE(grant->principal[0] != '\0' && role_permissions(grant->role) != 0, ERR_FIELD);
	if (count + (from ? from->passed : 0) >= GRANTS_MAX)
		return reason_fail(reason, ERR_LIMIT, "there are %u grants, the most there can be; remove one first", GRANTS_MAX);

	struct grants *next = grants_new(count + 1);
	ENSURE(next, ERR_MEMORY);
	next->passed = from ? from->passed : 0;
	if (count) memcpy(next->items, from->items, count * sizeof *next->items);
	struct grant *added = &next->items[count];
	*added = *grant;
	added->created_ms = clock_wall_s() * 1000;
	enum coffer_err err = rng_bytes(added->id, sizeof added->id);
	if (!err) err = store_grant(txn, added);
	if (err) {
		grants_unref(next);
		return err;
	}
	*out = next;
	return ERR_OK;
}

static size_t administrators(const struct grants *g)
{
	size_t n = 0;
	for (size_t i = 0; i < grants_count(g); i++)
		n += g->items[i].role == ROLE_ADMINISTRATOR && g->items[i].scope[0] == '\0';
	return n;
}

bool grants_have_administrator(const struct grants *g)
{
	return administrators(g) > 0;
}

static enum coffer_err count_row(void *arg, const struct store_row *row)
{
	(void)row;
	++*(size_t *)arg;
	return ERR_OK;
}

/* Two nodes that take the role from two administrators at the same time must not both succeed: each reads what the other writes, so one of them runs again (docs/formats.md section 23.1);
 * and what was not heard of yet is noticed. */
static enum coffer_err check_rows(struct txn *txn, const struct grants *from, struct reason *reason)
{
	size_t rows = 0;
	TRY(store_scan(txn_store(txn), STORE_GRANT, view_of(NULL, 0), false, SIZE_MAX, count_row, &rows));
	if (rows >= grants_count(from) + from->passed) return ERR_OK;
	return reason_fail(reason, ERR_BUSY, "the grants were changed at another node just now; try again");
}

enum coffer_err grants_remove(struct txn *txn, const struct grants *from, const char *principal, enum role role, const char *scope,
	struct grants **out, struct reason *reason)
{
	size_t count = grants_count(from), at = 0;
	while (at < count && !same_grant(&from->items[at], principal, role, scope)) at++;
	if (at == count)
		return reason_fail(reason, ERR_NOT_FOUND, "%s does not have the role %s%s%s; 'coffer grants' lists what there is", principal,
			role_name(role), scope[0] ? " on " : "", scope);
	if (role == ROLE_ADMINISTRATOR && scope[0] == '\0' && administrators(from) == 1)
		return reason_fail(reason, ERR_STATE, "%s is the last administrator; make another one first", principal);

	if (role == ROLE_ADMINISTRATOR && scope[0] == '\0') TRY(check_rows(txn, from, reason));
	struct grants *next = grants_new(count - 1);
	ENSURE(next, ERR_MEMORY);
	next->passed = from->passed;
	for (size_t i = 0, j = 0; i < count; i++)
		if (i != at) next->items[j++] = from->items[i];
	enum coffer_err err = store_erase(txn_store(txn), STORE_GRANT, view_of(from->items[at].id, UUID_LEN));
	if (err) {
		grants_unref(next);
		return err;
	}
	*out = next;
	return ERR_OK;
}
