/* The record as bytes and as a row. */
#include "audit/signer_record.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "keyring/domain_record.h"
#include "keyring/label.h"

#define SCHEMA 1u
#define ID_PREFIX "audit-signer-"
#define BODY_MAX 1024u

enum stage { MAKING = 1, MADE = 2 };

static const uint8_t header[] = { SCHEMA };

void signer_record_clear(struct signer_record *record)
{
	secret_free(record->auth);
	*record = SIGNER_RECORD_NONE;
}

/* A TSS of 2022 fails with values that end in a zero. */
enum coffer_err signer_record_begin(struct signer_record *record)
{
	uint32_t version = record->row_version;
	AUTO_SECRET struct secret *auth = secret_new(TOKEN_SIGNER_AUTH_LEN);
	ENSURE(auth, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(auth), TOKEN_SIGNER_AUTH_LEN));
	secret_mut(auth)[TOKEN_SIGNER_AUTH_LEN - 1] |= 1;
	signer_record_clear(record);
	record->auth = TAKE(auth);
	record->row_version = version;
	return ERR_OK;
}

static enum coffer_err read_body(struct view body, struct signer_record *out)
{
	struct reader r;
	uint8_t stage;
	struct view auth, ref, key;
	reader_init(&r, body);
	TRY(reader_u8(&r, &stage));
	ENSURE(stage == MAKING || stage == MADE, ERR_CORRUPT);
	out->made = stage == MADE;
	TRY(reader_view(&r, TOKEN_SIGNER_AUTH_LEN, &auth));
	TRY(reader_view_u32(&r, sizeof out->ref.data, &ref));
	TRY(reader_view_u32(&r, sizeof out->public_key, &key));
	TRY(reader_u64(&r, &out->signed_to));
	TRY(reader_u64(&r, &out->time_ms));
	TRY(reader_end(&r));
	ENSURE(out->made == (ref.len != 0) && key.len == (out->made ? sizeof out->public_key : 0), ERR_CORRUPT);
	if (ref.len) memcpy(out->ref.data, ref.ptr, ref.len);
	if (key.len) memcpy(out->public_key, key.ptr, key.len);
	out->ref.len = ref.len;
	out->auth = secret_copy(auth.ptr, auth.len);
	return out->auth ? ERR_OK : ERR_MEMORY;
}

enum coffer_err signer_record_read(struct store *store, struct ring *ring, struct signer_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct signer_record record = SIGNER_RECORD_NONE;
	struct store_row wanted = { .id_len = 0 }, row;
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &wanted);
	TRY(store_get(store, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row));
	ENSURE(row.header.len == 1 && row.state == 0, ERR_CORRUPT);
	ENSURE(row.header.ptr[0] == SCHEMA, ERR_VERSION);
	record.row_version = row.version;
	TRY(record_open(ring, STORE_DOMAIN, &row, &plain));
	enum coffer_err err = read_body(buf_view(&plain), &record);
	if (err) {
		signer_record_clear(&record);
		return err == ERR_MEMORY ? err : ERR_CORRUPT;
	}
	*out = record;
	return ERR_OK;
}

enum coffer_err signer_record_put(struct store *store, struct ring *ring, struct signer_record *record)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct writer w;
	ENSURE(record->row_version < UINT32_MAX - 1, ERR_LIMIT);
	struct store_row row = { .version = record->row_version + 1, .header = view_of(header, sizeof header) };
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &row);
	writer_init_buf(&w, &plain, BODY_MAX);
	writer_u8(&w, record->made ? MADE : MAKING);
	writer_bytes(&w, secret_view(record->auth));
	writer_view_u32(&w, view_of(record->ref.data, record->ref.len));
	writer_view_u32(&w, view_of(record->public_key, record->made ? sizeof record->public_key : 0));
	writer_u64(&w, record->signed_to);
	writer_u64(&w, record->time_ms);
	TRY(writer_done(&w));
	TRY(record_seal(ring, STORE_DOMAIN, buf_view(&plain), &row, &body));
	TRY(store_put(store, STORE_DOMAIN, &row, record->row_version != 0));
	record->row_version++;
	return ERR_OK;
}

enum coffer_err signer_owner(const struct domain_id *domain, uint8_t out[static TOKEN_SIGNER_OWNER_LEN])
{
	return domain_owner(domain, "audit-signer-owner", out);
}
