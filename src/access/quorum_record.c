/* The domain record "quorum": one byte, 1 or 2. */
#include "access/quorum_record.h"

#include <string.h>

#include "keyring/rooted_store.h"

#define RECORD_NAME "quorum"
#define RECORD_SCHEMA 1u

static enum coffer_err read_record(struct txn *txn, unsigned *out_needed, uint32_t *out_version)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	TRY(store_get(txn_store(txn), STORE_DOMAIN, view_str(RECORD_NAME), &row));
	ENSURE(row.state == 0 && row.header.len == 1 && row.header.ptr[0] == RECORD_SCHEMA, ERR_CORRUPT);
	TRY(record_open(txn_ring(txn), STORE_DOMAIN, &row, &plain));
	ENSURE(plain.len == 1 && (plain.ptr[0] == 1 || plain.ptr[0] == 2), ERR_CORRUPT);
	*out_needed = plain.ptr[0];
	*out_version = row.version;
	return ERR_OK;
}

enum coffer_err quorum_record_get(struct txn *txn, unsigned *out_needed)
{
	uint32_t version;
	return read_record(txn, out_needed, &version);
}

enum coffer_err quorum_record_put(struct txn *txn, unsigned needed)
{
	static const uint8_t header[] = { RECORD_SCHEMA };
	AUTO_BUF struct buf body = BUF_EMPTY;
	unsigned before;
	uint32_t version = 0;
	enum coffer_err err = read_record(txn, &before, &version);
	if (err && err != ERR_NOT_FOUND) return err;
	ENSURE(needed == 1 || needed == 2, ERR_FIELD);
	ENSURE(version < UINT32_MAX - 1, ERR_LIMIT);
	const uint8_t plain[] = { (uint8_t)needed };
	struct store_row row = { .id_len = sizeof RECORD_NAME - 1, .version = version + 1, .header = view_of(header, sizeof header) };
	memcpy(row.id, RECORD_NAME, sizeof RECORD_NAME - 1);
	TRY(record_seal(txn_ring(txn), STORE_DOMAIN, view_of(plain, sizeof plain), &row, &body));
	TRY(store_put(txn_store(txn), STORE_DOMAIN, &row, true));
	rooted_store_need_two(txn_store(txn), needed == 2);
	return ERR_OK;
}
