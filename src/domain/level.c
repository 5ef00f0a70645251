/* Format levels. The tests build this file a second time, as the program before this one (tests/integration/CMakeLists.txt). */
#include "domain/level.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "domain/node_record.h"
#include "keyring/domain_record.h"

#ifndef COFFER_FORMAT_LEVEL
#define COFFER_FORMAT_LEVEL LEVEL_SIGN_VIEW
#endif

#define RECORD_PREFIX "level-"
#define FORMAT 1u
#define MEMBERS_MAX 256u

_Static_assert(sizeof COFFER_VERSION <= LEVEL_PROGRAM_MAX + 1, "the version fits");

uint32_t level_known(void)
{
	return COFFER_FORMAT_LEVEL;
}

const char *level_program(void)
{
	return COFFER_VERSION;
}

/* ---- a record: of the domain, or of a node ---- */

static enum coffer_err read_fields(struct view plain, uint32_t *out, char program[static LEVEL_PROGRAM_MAX + 1])
{
	struct reader r;
	uint8_t format, len;
	uint32_t level;
	reader_init(&r, plain);
	TRY(reader_u8(&r, &format));
	TRY(reader_u32(&r, &level));
	TRY(reader_u8(&r, &len));
	ENSURE(format == FORMAT && level >= LEVEL_FIRST && len <= LEVEL_PROGRAM_MAX, ERR_CORRUPT);
	TRY(reader_bytes(&r, (uint8_t *)program, len));
	program[len] = '\0';
	TRY(reader_end(&r));
	*out = level;
	return ERR_OK;
}

static enum coffer_err get(struct store *store, struct ring *ring, const char *name, uint32_t *out, char program[static LEVEL_PROGRAM_MAX + 1])
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	*out = LEVEL_FIRST;
	program[0] = '\0';
	enum coffer_err err = domain_record_get(store, ring, name, &plain);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	return read_fields(buf_view(&plain), out, program) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err put(struct store *store, struct ring *ring, const char *name, uint32_t level)
{
	uint8_t bytes[6 + LEVEL_PROGRAM_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u8(&w, FORMAT);
	writer_u32(&w, level);
	writer_u8(&w, (uint8_t)strlen(level_program()));
	writer_bytes(&w, view_str(level_program()));
	TRY(writer_done(&w));
	return domain_record_put(store, ring, name, writer_view(&w));
}

static void name_of(const struct domain_id *domain, const uint8_t node_id[static UUID_LEN], char out[static STORE_ID_MAX + 1])
{
	struct domain_id of = *domain;
	memcpy(of.node_id, node_id, UUID_LEN);
	domain_record_node_name(RECORD_PREFIX, &of, out);
}

/* ---- the domain's ---- */

enum coffer_err level_get(struct store *store, struct ring *ring, uint32_t *out, char *out_program)
{
	char program[LEVEL_PROGRAM_MAX + 1];
	TRY(get(store, ring, LEVEL_RECORD, out, program));
	if (out_program) memcpy(out_program, program, sizeof program);
	return ERR_OK;
}

enum coffer_err level_check(struct store *store, struct ring *ring, uint32_t *out, struct reason *reason)
{
	char program[LEVEL_PROGRAM_MAX + 1];
	enum coffer_err err = level_get(store, ring, out, program);
	if (err && err != ERR_CORRUPT) return reason_default(reason, err, "the format level of the domain cannot be read: %s", err_text(err));
	if (err || *out <= level_known()) return ERR_OK;
	return reason_fail(reason, ERR_VERSION, "the domain writes format level %u since Coffer %s raised it, and this is Coffer %s, which knows levels up to %u: install the version of Coffer that the domain's "
		"other nodes run", *out, program, level_program(), level_known());
}

enum coffer_err level_raise(struct store *store, struct ring *ring, uint32_t level)
{
	return put(store, ring, LEVEL_RECORD, level);
}

/* ---- a node's ---- */

enum coffer_err level_of_node(struct store *store, struct ring *ring, const uint8_t node_id[static UUID_LEN], uint32_t *out)
{
	char name[STORE_ID_MAX + 1], program[LEVEL_PROGRAM_MAX + 1];
	name_of(ring_domain(ring), node_id, name);
	return get(store, ring, name, out, program);
}

struct each {
	struct ring *ring;
	level_node_fn *fn;
	void *arg;
	bool ended; /* behind the last record of a node */
};

static enum coffer_err tell_node(void *arg, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct each *e = arg;
	char program[LEVEL_PROGRAM_MAX + 1];
	uint8_t node_id[UUID_LEN];
	uint32_t level;
	size_t prefix = strlen(RECORD_PREFIX);
	e->ended = row->id_len < prefix || memcmp(row->id, RECORD_PREFIX, prefix) != 0;
	ENSURE(!e->ended, ERR_NOT_FOUND);
	if (row->id_len != prefix + 2 * (size_t)UUID_LEN || text_unhex(view_of(row->id + prefix, 2 * (size_t)UUID_LEN), node_id, sizeof node_id) != ERR_OK)
		return ERR_OK;
	enum coffer_err err = domain_record_open(e->ring, row, &plain);
	if (err == ERR_MEMORY) return err;
	if (err || read_fields(buf_view(&plain), &level, program) != ERR_OK) return ERR_OK;
	return e->fn(e->arg, node_id, level);
}

enum coffer_err level_each_node(struct store *store, struct ring *ring, level_node_fn *fn, void *arg)
{
	struct each e = { .ring = ring, .fn = fn, .arg = arg };
	enum coffer_err err = store_scan(store, STORE_DOMAIN, view_str(RECORD_PREFIX), false, SIZE_MAX, tell_node, &e);
	return e.ended ? ERR_OK : err;
}

enum coffer_err level_note_own(struct store *store, struct ring *ring)
{
	char name[STORE_ID_MAX + 1], program[LEVEL_PROGRAM_MAX + 1];
	uint32_t said;
	name_of(ring_domain(ring), ring_domain(ring)->node_id, name);
	TRY(get(store, ring, name, &said, program));
	return said == level_known() ? ERR_OK : put(store, ring, name, level_known());
}

enum coffer_err level_erase(struct store *store, const struct domain_id *domain, const uint8_t node_id[static UUID_LEN])
{
	char name[STORE_ID_MAX + 1];
	name_of(domain, node_id, name);
	return domain_record_erase(store, name);
}

struct members {
	uint8_t ids[MEMBERS_MAX][UUID_LEN];
	size_t count;
};

/* One that was admitted and has not joined looks at the level in the transaction that makes it a member. */
static enum coffer_err note_member(void *arg, const struct node_record *node)
{
	struct members *m = arg;
	if (node->state != NODE_MEMBER) return ERR_OK;
	ENSURE(m->count < MEMBERS_MAX, ERR_LIMIT);
	memcpy(m->ids[m->count++], node->node_id, UUID_LEN);
	return ERR_OK;
}

enum coffer_err level_of_members(struct store *store, struct ring *ring, uint32_t *out, size_t *out_members)
{
	struct members m = { .count = 0 };
	uint32_t lowest = level_known(), said;
	TRY(node_record_each(store, ring, note_member, &m));
	for (size_t i = 0; i < m.count; i++) {
		TRY(level_of_node(store, ring, m.ids[i], &said));
		if (said < lowest) lowest = said;
	}
	*out = m.count ? lowest : LEVEL_FIRST;
	*out_members = m.count;
	return ERR_OK;
}
