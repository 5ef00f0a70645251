/* The record of a transport key. */
#include "domain/transport_record.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/domain_record.h"
#include "keyring/label.h"

void transport_record_clear(struct transport_record *record)
{
	secret_free(record->auth);
	*record = (struct transport_record){ .auth = NULL };
}

enum coffer_err transport_record_put(struct store *store, struct ring *ring, const struct transport_record *record)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[STORE_ID_MAX + 1];
	struct writer w;
	ENSURE(record->auth && secret_len(record->auth) == TRANSPORT_RECORD_AUTH_LEN, ERR_FIELD);
	ENSURE(record->reference_len >= 1 && record->reference_len <= sizeof record->reference, ERR_FIELD);
	TRY(hpke_public_check(record->public_key));
	domain_record_node_name(TRANSPORT_RECORD_PREFIX, ring_domain(ring), name);
	writer_init_buf(&w, &plain, DOMAIN_RECORD_MAX);
	writer_bytes(&w, secret_view(record->auth));
	writer_view_u32(&w, view_of(record->reference, record->reference_len));
	writer_bytes(&w, view_of(record->public_key, sizeof record->public_key));
	TRY(writer_done(&w));
	return domain_record_put(store, ring, name, buf_view(&plain));
}

static enum coffer_err read_record(struct view plain, struct transport_record *out)
{
	struct reader r;
	struct view auth, reference;
	reader_init(&r, plain);
	TRY(reader_view(&r, TRANSPORT_RECORD_AUTH_LEN, &auth));
	TRY(reader_view_u32(&r, sizeof out->reference, &reference));
	ENSURE(reference.len >= 1, ERR_CORRUPT);
	memcpy(out->reference, reference.ptr, reference.len);
	out->reference_len = reference.len;
	TRY(reader_bytes(&r, out->public_key, sizeof out->public_key));
	TRY(reader_end(&r));
	TRY(hpke_public_check(out->public_key));
	out->auth = secret_copy(auth.ptr, auth.len);
	return out->auth ? ERR_OK : ERR_MEMORY;
}

enum coffer_err transport_record_get(struct store *store, struct ring *ring, struct transport_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct transport_record record = { .auth = NULL };
	char name[STORE_ID_MAX + 1];
	domain_record_node_name(TRANSPORT_RECORD_PREFIX, ring_domain(ring), name);
	TRY(domain_record_get(store, ring, name, &plain));
	enum coffer_err err = read_record(buf_view(&plain), &record);
	if (err) return err == ERR_MEMORY ? err : ERR_CORRUPT;
	*out = record;
	return ERR_OK;
}

enum coffer_err transport_owner(const struct domain_id *domain, uint8_t out[static TRANSPORT_RECORD_OWNER_LEN])
{
	return domain_owner(domain, "transport-owner", out);
}
