/* Identity, wrapped data keys, the domain key pair and recovery stanzas. */
#include <string.h>

#include "crypto/hash.h"
#include "crypto/sign.h"
#include "fuzz/rows.h"
#include "keyring/anchor_record.h"
#include "keyring/audit_key.h"
#include "keyring/generation.h"
#include "keyring/identity_format.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "keyring/slot_internal.h"
#include "recovery/stanza.h"

#define CHECKSUM_LEN 8u
#define MAC_LEN_OF_SLOT 32u

void rows_identity(struct rows *r, bool summed)
{
	struct identity identity;
	uint8_t bytes[IDENTITY_BYTES_MAX], again[IDENTITY_BYTES_MAX], digest[HASH_SHA256_LEN];
	struct view in = rows_rest(r);
	size_t len = in.len, again_len;
	if (len > sizeof bytes - CHECKSUM_LEN) return;
	if (len) memcpy(bytes, in.ptr, len);
	if (summed) {
		REQUIRE(hash_sha256(in, digest) == ERR_OK);
		memcpy(bytes + len, digest, CHECKSUM_LEN);
		len += CHECKSUM_LEN;
	}
	enum coffer_err err = identity_decode(view_of(bytes, len), &identity);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err) return;
	/* Texts end at a NUL inside them, so the bytes may get shorter once, and then stay. */
	REQUIRE(identity_encode(&identity, again, &again_len) == ERR_OK && again_len <= len);
	REQUIRE(identity_decode(view_of(again, again_len), &identity) == ERR_OK && identity_encode(&identity, bytes, &len) == ERR_OK);
	REQUIRE(view_equal(view_of(bytes, len), view_of(again, again_len)));
}

/* The MAC over what stands before it. */
static void put_mac(struct rows *r, struct store_row *row, struct buf *body)
{
	uint8_t mac[MAC_LEN_OF_SLOT];
	if (slot_mac(r->ring, row, row->body, mac) != ERR_OK) return;
	REQUIRE(buf_append(body, row->body) == ERR_OK && buf_append(body, view_of(mac, sizeof mac)) == ERR_OK);
	row->body = buf_view(body);
}

void rows_slot(struct rows *r, bool authentic)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	struct slot slot;
	struct token_binding pinned = { .mechanism = "m" };
	struct reason reason = { "" };
	rows_take(r, &row);
	if (authentic) put_mac(r, &row, &body);
	enum coffer_err err = slot_parse(&row, &slot, &reason);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err) {
		fuzz_check_reason(&reason);
		return;
	}
	REQUIRE(slot.generation != 0 && slot.blob.len >= 1 && row.body.len > MAC_LEN_OF_SLOT);
	err = slot_check_binding(&slot, "tpm2", &pinned, &reason);
	REQUIRE(err == ERR_OK || err == ERR_TOKEN_OTHER);
	struct ring *ring = ring_new(&r->domain);
	struct secret *key = secret_copy(secret_bytes(r->data_key), secret_len(r->data_key));
	REQUIRE(ring && key);
	err = slot_accept(ring, &row, &slot, &key, &reason);
	REQUIRE(err == ERR_OK ? !key && ring_count(ring) == 1 : err == ERR_CORRUPT && key && ring_count(ring) == 0);
	secret_free(key);
	ring_free(ring);
}

void rows_domain_key(struct rows *r, bool sealed)
{
	static const char name[] = "domain-key";
	struct secret *seed = NULL;
	struct store_row row;
	rows_take(r, &row);
	row.id_len = sizeof name - 1;
	memcpy(row.id, name, row.id_len);
	if (!(sealed ? rows_put_sealed(r, STORE_DOMAIN, &row) : rows_put(r, STORE_DOMAIN, &row))) return;
	enum coffer_err err = generation_get_domain_key(r->store, r->ring, &seed);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err == ERR_OK) REQUIRE(view_equal(secret_view(seed), secret_view(r->seed)));
	secret_free(seed);
}

/* The domain's signature over what stands before it (docs/formats.md section 10.1). */
static void put_signature(struct rows *r, struct store_row *row, struct buf *body)
{
	AUTO_BUF struct buf message = BUF_EMPTY;
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	struct writer w;
	writer_init_buf(&w, &message, LABEL_MAX);
	label_write(&w, "recovery-stanza");
	if (record_bind(&r->domain, STORE_RECOVERY, row, &message) != ERR_OK) return;
	writer_init_buf(&w, &message, STORE_BODY_MAX);
	writer_view_u32(&w, row->body);
	REQUIRE(writer_done(&w) == ERR_OK && sign_ed25519(r->seed, buf_view(&message), signature) == ERR_OK);
	REQUIRE(buf_append(body, row->body) == ERR_OK && buf_append(body, view_of(signature, sizeof signature)) == ERR_OK);
	row->body = buf_view(body);
}

void rows_stanza(struct rows *r, bool authentic)
{
	AUTO_BUF struct buf body = BUF_EMPTY, again = BUF_EMPTY;
	static struct stanza stanza;
	struct store_row row, second;
	struct reason reason = { "" };
	rows_take(r, &row);
	if (authentic) put_signature(r, &row, &body);
	enum coffer_err err = stanza_parse(&row, &stanza, &reason);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err) {
		fuzz_check_reason(&reason);
		return;
	}
	REQUIRE(stanza.count >= 1 && stanza.count <= STANZA_WRAPS_MAX);
	err = stanza_verify(&r->domain, &row, &stanza, &reason);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT);
	/* what was parsed is what is written, up to the signature */
	REQUIRE(stanza_sign(&r->domain, r->seed, &stanza, row.version, row.state, &second, &again) == ERR_OK);
	REQUIRE(view_equal(view_of(second.body.ptr, second.body.len - DOMAIN_SIGNATURE_LEN), view_of(row.body.ptr, row.body.len - DOMAIN_SIGNATURE_LEN)));
	if (err == ERR_OK) REQUIRE(view_equal(second.body, row.body));
}

/* The anchor's record, and the audit key of a generation that left: small records under the names that their readers ask for. */
void rows_small(struct rows *r, bool sealed)
{
	static const uint8_t header[] = { 1 };
	char id[STORE_ID_MAX + 1];
	struct anchor_record record = ANCHOR_RECORD_NONE, again = ANCHOR_RECORD_NONE;
	const struct secret *audit;
	struct store_row row;
	char hex[2 * UUID_LEN + 1];
	rows_take(r, &row);
	bool is_anchor = row.state % 2 == 0;
	text_hex(view_of(r->domain.node_id, UUID_LEN), hex);
	if (is_anchor) (void)snprintf(id, sizeof id, "anchor-%s", hex);
	else (void)snprintf(id, sizeof id, AUDIT_KEY_PREFIX "%08x", (unsigned)row.state);
	row.id_len = strlen(id);
	memcpy(row.id, id, row.id_len);
	row.state = 0;
	row.generation = 1;
	row.header = view_of(header, sizeof header);
	if (!(sealed ? rows_put_sealed(r, STORE_DOMAIN, &row) : rows_put(r, STORE_DOMAIN, &row))) return;
	if (!is_anchor) {
		REQUIRE(store_get(r->store, STORE_DOMAIN, view_str(id), &row) == ERR_OK);
		struct ring *ring = ring_new(&r->domain); /* one of its own: what is taken stays */
		AUTO_SECRET struct secret *key = secret_copy(secret_bytes(r->data_key), DATA_KEY_LEN);
		REQUIRE(ring && key && ring_add(ring, 1, &key) == ERR_OK);
		enum coffer_err err = audit_key_take(ring, &row);
		REQUIRE(err == ERR_OK || rows_is_fault(err) || err == ERR_LIMIT);
		REQUIRE(ring_subkey(ring, 1, SUBKEY_AUDIT, &audit) == ERR_OK);
		ring_free(ring);
		return;
	}
	enum coffer_err err = anchor_record_read(r->store, r->ring, &record);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err == ERR_OK && anchor_record_put(r->store, r->ring, &record) == ERR_OK) {
		REQUIRE(anchor_record_read(r->store, r->ring, &again) == ERR_OK && again.counter == record.counter && again.ref.len == record.ref.len);
		REQUIRE(secret_equal(again.auth, record.auth) && again.row_version == record.row_version && again.overridden == record.overridden);
	}
	anchor_record_clear(&record);
	anchor_record_clear(&again);
}
