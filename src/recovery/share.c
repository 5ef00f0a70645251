/* The bytes of a share. */
#include "recovery/share.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"
#include "recovery/share_bytes.h"

#define SHARE_VERSION 1u
#define CHECK_LEN 3u
#define CHECKED_LEN (SHARE_LEN - CHECK_LEN)

void share_done(struct share *share)
{
	secret_free(share->y);
	*share = (struct share){ 0 };
}

enum coffer_err share_digest(const struct share *share, uint8_t out[static SHARE_DIGEST_LEN])
{
	const struct view parts[] = { view_of(share->set_id, SHARE_SET_LEN), view_of(&share->x, 1), secret_view(share->y) };
	ENSURE(secret_len(share->y) == SHARE_SECRET_LEN, ERR_FIELD);
	return hash_parts(HASH_SHA256, parts, 3, out);
}

/* SHA-256(T("share") | the bytes before the check) */
static enum coffer_err check_of(struct view bytes, uint8_t out[static HASH_SHA256_LEN])
{
	uint8_t label[LABEL_MAX];
	struct writer w;
	writer_init(&w, label, sizeof label);
	label_write(&w, "share");
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), bytes };
	return hash_parts(HASH_SHA256, parts, 2, out);
}

enum coffer_err share_encode(const struct share *share, struct secret **out)
{
	uint8_t check[HASH_SHA256_LEN];
	struct writer w;
	AUTO_SECRET struct secret *bytes = secret_new(SHARE_LEN);
	ENSURE(bytes, ERR_MEMORY);
	ENSURE(secret_len(share->y) == SHARE_SECRET_LEN, ERR_FIELD);
	writer_init(&w, secret_mut(bytes), SHARE_LEN);
	writer_u8(&w, SHARE_VERSION);
	writer_u8(&w, share->k);
	writer_u8(&w, share->n);
	writer_u8(&w, share->x);
	writer_bytes(&w, view_of(share->set_id, SHARE_SET_LEN));
	writer_bytes(&w, view_of(share->fingerprint, DOMAIN_FINGERPRINT_LEN));
	writer_bytes(&w, secret_view(share->y));
	TRY(check_of(writer_view(&w), check));
	writer_bytes(&w, view_of(check, CHECK_LEN));
	TRY(writer_done(&w));
	*out = TAKE(bytes);
	return ERR_OK;
}

static enum coffer_err check_numbers(const struct share *s, struct reason *reason)
{
	if (s->k < 1 || s->k > s->n || s->x < 1 || s->x > s->n)
		return reason_fail(reason, ERR_FIELD, "the share's numbers make no sense (share %u of %u, any %u recover)", s->x,
			s->n, s->k);
	return ERR_OK;
}

static enum coffer_err read_fields(struct view bytes, struct share *s, uint8_t *version)
{
	struct reader r;
	struct view y;
	reader_init(&r, bytes);
	TRY(reader_u8(&r, version));
	TRY(reader_u8(&r, &s->k));
	TRY(reader_u8(&r, &s->n));
	TRY(reader_u8(&r, &s->x));
	TRY(reader_bytes(&r, s->set_id, SHARE_SET_LEN));
	TRY(reader_bytes(&r, s->fingerprint, DOMAIN_FINGERPRINT_LEN));
	TRY(reader_view(&r, SHARE_SECRET_LEN, &y));
	TRY(reader_skip(&r, CHECK_LEN));
	TRY(reader_end(&r));
	s->y = secret_copy(y.ptr, y.len);
	ENSURE(s->y, ERR_MEMORY);
	return ERR_OK;
}

enum coffer_err share_decode(const struct secret *bytes, struct share *out, struct reason *reason)
{
	uint8_t check[HASH_SHA256_LEN], version = 0;
	struct share s = { 0 };
	ENSURE(secret_len(bytes) == SHARE_LEN, ERR_TRUNCATED);
	TRY(check_of(view_of(secret_bytes(bytes), CHECKED_LEN), check));
	if (!ct_equal(check, secret_bytes(bytes) + CHECKED_LEN, CHECK_LEN))
		return reason_fail(reason, ERR_CORRUPT, "the lines are of different shares; type the five lines of one sheet");
	enum coffer_err err = read_fields(secret_view(bytes), &s, &version);
	if (!err && version != SHARE_VERSION)
		err = reason_fail(reason, ERR_VERSION, "the share has version %u, which is not known here; use a newer Coffer", version);
	if (!err) err = check_numbers(&s, reason);
	if (err) {
		share_done(&s);
		return err;
	}
	*out = s;
	return ERR_OK;
}
