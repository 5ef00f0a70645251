/* One reading of the whole archive, with every check that needs no secret. */
#include <string.h>

#include "archive/archive_internal.h"

static const char *const table_names[ARCHIVE_TABLES_END] = { "", "objects", "grants", "audit records", "request records", "domain records" };

struct pass {
	struct archive *a;
	struct hash *all, *file, *table_hash;
	archive_row_fn *fn;
	void *arg;
	struct reason *reason;
	enum store_table table;          /* of the last row; 0: none yet */
	uint8_t last[STORE_ID_MAX];
	size_t last_len;
	struct archive_facts facts;
	uint8_t stage;                   /* type of the last member */
	struct manifest manifest;
};

static void pass_done(struct pass *p)
{
	hash_free(p->all);
	hash_free(p->file);
	hash_free(p->table_hash);
}

static enum coffer_err damaged(struct pass *p, const char *what)
{
	return reason_fail(p->reason, ERR_CORRUPT, "the archive is damaged: %s; use another copy", what);
}

static enum coffer_err account(struct pass *p, struct view bytes)
{
	TRY(hash_update(p->all, bytes));
	return hash_update(p->file, bytes);
}

static enum coffer_err finish_table(struct pass *p, enum store_table next)
{
	while ((unsigned)p->table < (unsigned)next) {
		if (p->table_hash) TRY(hash_final(p->table_hash, p->facts.tables[p->table].digest));
		hash_free(TAKE(p->table_hash));
		p->table = (enum store_table)(p->table + 1);
		p->last_len = 0;
		if ((unsigned)p->table < ARCHIVE_TABLES_END) TRY(hash_new(HASH_SHA256, &p->table_hash));
	}
	return ERR_OK;
}

static bool rises(const struct pass *p, enum store_table table, const struct store_row *row)
{
	if ((unsigned)table >= ARCHIVE_TABLES_END || table < p->table) return false;
	if (table != p->table || !p->last_len) return true;
	size_t shared = row->id_len < p->last_len ? row->id_len : p->last_len;
	int order = memcmp(row->id, p->last, shared);
	return order ? order > 0 : row->id_len > p->last_len;
}

static enum coffer_err take_row(struct pass *p, struct view whole, struct view content)
{
	struct store_row row;
	enum store_table table;
	if (member_row_read(content, &table, &row) != ERR_OK) return damaged(p, "a row in it is malformed");
	struct view id = view_of(row.id, row.id_len);
	if (!rises(p, table, &row) || root_is_own_row(table, id) || (table == STORE_DOMAIN && view_equal_str(id, ARCHIVE_CANARY_ID)))
		return damaged(p, "its rows are not in order");
	TRY(finish_table(p, table));
	TRY(hash_update(p->table_hash, whole));
	memcpy(p->last, row.id, row.id_len);
	p->last_len = row.id_len;
	p->facts.tables[table].count++;
	p->facts.tables[table].bytes += whole.len;
	p->facts.rows++;
	if (table == STORE_OBJECT) p->facts.states[row.state < ARCHIVE_STATES_END ? row.state : 0]++;
	return p->fn ? p->fn(p->arg, table, &row) : ERR_OK;
}

static enum coffer_err take_canary(struct pass *p, struct view content)
{
	struct archive *a = p->a;
	if (a->passed) return view_equal(content, bytes_view(&a->canary)) ? ERR_OK : damaged(p, "it changed while it was read");
	a->canary.len = 0;
	return bytes_append(&a->canary, content);
}

static enum coffer_err same(struct pass *p, struct view content, struct view before)
{
	return view_equal(content, before) ? ERR_OK : damaged(p, "it changed while it was read");
}

static enum coffer_err take_manifest(struct pass *p, struct view content)
{
	char text[96];
	const struct manifest *m = &p->manifest;
	if (member_manifest_read(content, &p->manifest) != ERR_OK) return damaged(p, "its manifest is malformed");
	TRY(finish_table(p, (enum store_table)ARCHIVE_TABLES_END));
	for (unsigned t = STORE_OBJECT; t < ARCHIVE_TABLES_END; t++) {
		struct archive_table *have = &p->facts.tables[t];
		snprintf(text, sizeof text, "its %s are not those of its manifest", table_names[t]);
		if (have->count != m->tables[t].count || have->bytes != m->tables[t].bytes || memcmp(have->digest, m->tables[t].digest, 32) != 0)
			return damaged(p, text);
		have->sum = m->tables[t].sum;
	}
	p->facts.flags = m->flags;
	return p->facts.rows == m->rows ? ERR_OK : damaged(p, "its rows are not those of its manifest");
}

/* Each type in its turn: rows may be many or none. */
static bool is_next(uint8_t stage, uint8_t type)
{
	if (type == MEMBER_ROW) return stage == MEMBER_ROOT || stage == MEMBER_ROW;
	if (type == MEMBER_CANARY) return stage == MEMBER_ROOT || stage == MEMBER_ROW;
	return type == stage + 1;
}

static enum coffer_err take_member(struct pass *p)
{
	struct view whole, content;
	struct archive *a = p->a;
	uint8_t type;
	TRY(archive_next(a, &type, &whole, &content, p->reason));
	if (!is_next(p->stage, type)) return damaged(p, "its members are not in order");
	p->stage = type;
	TRY(account(p, whole));
	switch (type) {
	case MEMBER_HEADER: return same(p, content, view_of(a->header, HEADER_LEN));
	case MEMBER_STANZA: return same(p, content, bytes_view(&a->stanza_member));
	case MEMBER_ROOT: return same(p, content, bytes_view(&a->root_member));
	case MEMBER_ROW: return take_row(p, whole, content);
	case MEMBER_CANARY: return take_canary(p, content);
	default: return take_manifest(p, content);
	}
}

static enum coffer_err check_signature(struct pass *p)
{
	uint8_t digest[DIGEST_LEN], message[SIGNED_MAX];
	struct view signature;
	size_t len;
	if (archive_left(p->a) > SIGN_SIGNATURE_LEN) return damaged(p, "there are bytes behind its end");
	TRY(archive_take(p->a, SIGN_SIGNATURE_LEN, &signature, p->reason));
	TRY(hash_update(p->file, signature));
	TRY(hash_final(p->file, p->facts.sha256));
	TRY(hash_final(p->all, digest));
	TRY(archive_message(p->facts.header.domain_id, digest, message, &len));
	enum coffer_err err = sign_verify(p->facts.header.public_key, view_of(message, len), signature.ptr);
	return err == ERR_CORRUPT ? damaged(p, "its signature does not verify") : err;
}

static enum coffer_err run(struct pass *p)
{
	struct view preamble;
	archive_rewind(p->a);
	TRY(archive_take_preamble(p->a, &preamble, p->reason));
	TRY(account(p, preamble));
	while (p->stage != MEMBER_MANIFEST) TRY(take_member(p));
	return check_signature(p);
}

static enum coffer_err begin(struct pass *p)
{
	memset(p->facts.tables, 0, sizeof p->facts.tables);
	memset(p->facts.states, 0, sizeof p->facts.states);
	p->facts.rows = 0;
	TRY(hash_new(HASH_SHA512, &p->all));
	return hash_new(HASH_SHA256, &p->file);
}

enum coffer_err archive_pass(struct archive *a, archive_row_fn *fn, void *arg, struct reason *reason)
{
	AUTO(pass_done) struct pass p = { .a = a, .fn = fn, .arg = arg, .reason = reason, .facts = a->facts };
	TRY(begin(&p));
	TRY(run(&p));
	if (a->passed && memcmp(p.facts.sha256, a->facts.sha256, sizeof p.facts.sha256) != 0) return damaged(&p, "it changed while it was read");
	a->facts = p.facts;
	a->passed = true;
	return ERR_OK;
}
