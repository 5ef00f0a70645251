/* Generation signatures, and the record that holds the domain key pair. */
#include "keyring/generation.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/sign.h"
#include "keyring/label.h"
#include "keyring/record.h"

#define DOMAIN_KEY_NAME "domain-key"
#define DOMAIN_KEY_SCHEMA 1u
#define SEED_LEN 32u
#define BODY_LEN (SEED_LEN + DOMAIN_PUBLIC_LEN)
#define MESSAGE_MAX 96u

static enum coffer_err write_message(const struct domain_id *domain, uint32_t generation, const uint8_t key_check[static 32],
	struct writer *w)
{
	ENSURE(generation != 0, ERR_FIELD);
	label_write(w, "generation");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_u32(w, generation);
	writer_bytes(w, view_of(key_check, 32));
	return writer_done(w);
}

enum coffer_err generation_sign(const struct secret *domain_seed, const struct domain_id *domain, uint32_t generation,
	const uint8_t key_check[static 32], uint8_t out[static DOMAIN_SIGNATURE_LEN])
{
	uint8_t message[MESSAGE_MAX];
	struct writer w;
	writer_init(&w, message, sizeof message);
	TRY(write_message(domain, generation, key_check, &w));
	return sign_ed25519(domain_seed, writer_view(&w), out);
}

enum coffer_err generation_verify(const struct domain_id *domain, uint32_t generation, const uint8_t key_check[static 32],
	const uint8_t signature[static DOMAIN_SIGNATURE_LEN])
{
	uint8_t message[MESSAGE_MAX];
	struct writer w;
	writer_init(&w, message, sizeof message);
	ENSURE(write_message(domain, generation, key_check, &w) == ERR_OK, ERR_CORRUPT);
	return sign_verify(domain->public_key, writer_view(&w), signature);
}

/* The next write count of the record: 1 when it is not there yet. */
static enum coffer_err next_version(struct store *store, uint32_t *out)
{
	struct store_row row;
	enum coffer_err err = store_get(store, STORE_DOMAIN, view_str(DOMAIN_KEY_NAME), &row);
	if (err == ERR_NOT_FOUND) {
		*out = 1;
		return ERR_OK;
	}
	TRY(err);
	ENSURE(row.version < UINT32_MAX - 1, ERR_LIMIT);
	*out = row.version + 1;
	return ERR_OK;
}

enum coffer_err generation_put_domain_key(struct store *store, struct ring *ring, const struct secret *seed,
	const uint8_t public_key[static DOMAIN_PUBLIC_LEN])
{
	static const uint8_t header[] = { DOMAIN_KEY_SCHEMA };
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = sizeof DOMAIN_KEY_NAME - 1, .header = view_of(header, sizeof header) };
	ENSURE(secret_len(seed) == SEED_LEN, ERR_FIELD);
	memcpy(row.id, DOMAIN_KEY_NAME, sizeof DOMAIN_KEY_NAME - 1);
	TRY(next_version(store, &row.version));
	TRY(buf_append(&plain, secret_view(seed)));
	TRY(buf_append(&plain, view_of(public_key, DOMAIN_PUBLIC_LEN)));
	TRY(record_seal(ring, STORE_DOMAIN, buf_view(&plain), &row, &body));
	return store_put(store, STORE_DOMAIN, &row, true);
}

enum coffer_err generation_get_domain_key(struct store *store, struct ring *ring, struct secret **out_seed)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	uint8_t public_key[DOMAIN_PUBLIC_LEN];
	struct store_row row;
	TRY(store_get(store, STORE_DOMAIN, view_str(DOMAIN_KEY_NAME), &row));
	ENSURE(row.state == 0 && row.header.len == 1 && row.header.ptr[0] == DOMAIN_KEY_SCHEMA, ERR_CORRUPT);
	TRY(record_open(ring, STORE_DOMAIN, &row, &plain));
	ENSURE(plain.len == BODY_LEN, ERR_CORRUPT);
	AUTO_SECRET struct secret *seed = secret_copy(plain.ptr, SEED_LEN);
	ENSURE(seed, ERR_MEMORY);
	TRY(sign_public_of(seed, public_key));
	struct view stored = view_of(plain.ptr + SEED_LEN, DOMAIN_PUBLIC_LEN);
	struct view pinned = view_of(ring_domain(ring)->public_key, DOMAIN_PUBLIC_LEN);
	ENSURE(view_equal(stored, pinned) && view_equal(view_of(public_key, sizeof public_key), pinned), ERR_CORRUPT);
	*out_seed = TAKE(seed);
	return ERR_OK;
}
