/* Domain records as rows. */
#include "keyring/domain_record.h"

#include <string.h>

#include "base/text.h"
#include "keyring/record.h"

#define SCHEMA 1u

void domain_record_node_id(const char *prefix, const struct domain_id *domain, struct store_row *row)
{
	char hex[2 * UUID_LEN + 1];
	size_t len = strlen(prefix);
	PRE(len + 2 * UUID_LEN <= sizeof row->id);
	text_hex(view_of(domain->node_id, UUID_LEN), hex);
	memcpy(row->id, prefix, len);
	memcpy(row->id + len, hex, 2 * UUID_LEN);
	row->id_len = len + 2 * UUID_LEN;
}

void domain_record_node_name(const char *prefix, const struct domain_id *domain, char out[static STORE_ID_MAX + 1])
{
	struct store_row row = { .id_len = 0 };
	domain_record_node_id(prefix, domain, &row);
	memcpy(out, row.id, row.id_len);
	out[row.id_len] = '\0';
}

enum coffer_err domain_record_open(struct ring *ring, const struct store_row *row, struct buf *plain)
{
	ENSURE(row->state == 0 && row->header.len == 1, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	return record_open(ring, STORE_DOMAIN, row, plain);
}

enum coffer_err domain_record_get(struct store *store, struct ring *ring, const char *name, struct buf *plain)
{
	struct store_row row;
	TRY(store_get(store, STORE_DOMAIN, view_str(name), &row));
	return domain_record_open(ring, &row, plain);
}

static enum coffer_err next_version(struct store *store, const char *name, uint32_t *out)
{
	struct store_row row;
	enum coffer_err err = store_get(store, STORE_DOMAIN, view_str(name), &row);
	*out = 1;
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	ENSURE(row.version < UINT32_MAX - 1, ERR_LIMIT);
	*out = row.version + 1;
	return ERR_OK;
}

enum coffer_err domain_record_put(struct store *store, struct ring *ring, const char *name, struct view plain)
{
	static const uint8_t header[] = { SCHEMA };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = strlen(name), .header = view_of(header, sizeof header) };
	PRE(row.id_len >= 1 && row.id_len <= STORE_ID_MAX);
	ENSURE(plain.len <= DOMAIN_RECORD_MAX, ERR_TOO_LARGE);
	memcpy(row.id, name, row.id_len);
	TRY(next_version(store, name, &row.version));
	TRY(record_seal(ring, STORE_DOMAIN, plain, &row, &body));
	return store_put(store, STORE_DOMAIN, &row, true);
}

enum coffer_err domain_record_erase(struct store *store, const char *name)
{
	enum coffer_err err = store_erase(store, STORE_DOMAIN, view_str(name));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum coffer_err domain_record_erase_of_node(struct store *store, const char *prefix, const uint8_t node_id[static UUID_LEN])
{
	struct domain_id domain = { .id = { 0 } };
	char name[STORE_ID_MAX + 1];
	memcpy(domain.node_id, node_id, UUID_LEN);
	domain_record_node_name(prefix, &domain, name);
	return domain_record_erase(store, name);
}
