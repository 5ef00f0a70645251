/* The identity file as bytes. */
#include "keyring/identity.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/identity_format.h"
#include "keyring/kind.h"

#define MAGIC "CFRN"
#define FORMAT 1u
#define FORMAT_ROOTED 2u
#define CHECKSUM_LEN 8u

static bool uri_is_sound(struct view uri)
{
	if (uri.len < 1 || uri.len > TOKEN_URI_MAX || !text_is_utf8(uri)) return false;
	for (size_t i = 0; i < uri.len; i++)
		if (uri.ptr[i] < ' ' || uri.ptr[i] == 0x7f) return false;
	return true;
}

static bool fields_are_sound(const struct identity *i)
{
	struct view mechanism = view_of(i->binding.mechanism, strnlen(i->binding.mechanism, sizeof i->binding.mechanism));
	return strnlen(i->token_kind, sizeof i->token_kind) < sizeof i->token_kind &&
		uri_is_sound(view_of(i->token_uri, strnlen(i->token_uri, sizeof i->token_uri))) &&
		kind_mechanism_is_sound(mechanism) && i->binding.data_len <= TOKEN_BINDING_MAX;
}

enum coffer_err identity_encode(const struct identity *identity, uint8_t *out, size_t *out_len)
{
	struct writer w;
	uint8_t kind, digest[HASH_SHA256_LEN];
	ENSURE(fields_are_sound(identity), ERR_FIELD);
	TRY(kind_number(identity->token_kind, &kind));
	writer_init(&w, out, IDENTITY_BYTES_MAX);
	writer_bytes(&w, view_str(MAGIC));
	writer_u8(&w, identity->rooted ? FORMAT_ROOTED : FORMAT);
	writer_u8(&w, kind);
	writer_u16(&w, 0);
	writer_bytes(&w, view_of(identity->domain.id, UUID_LEN));
	writer_bytes(&w, view_of(identity->domain.node_id, UUID_LEN));
	writer_bytes(&w, view_of(identity->domain.public_key, DOMAIN_PUBLIC_LEN));
	writer_bytes(&w, view_of(identity->binding.master_secret_id, TOKEN_MS_ID_LEN));
	writer_view_u32(&w, view_str(identity->token_uri));
	writer_view_u32(&w, view_str(identity->binding.mechanism));
	writer_view_u32(&w, view_of(identity->binding.data, identity->binding.data_len));
	TRY(writer_done(&w));
	TRY(hash_sha256(writer_view(&w), digest));
	writer_bytes(&w, view_of(digest, CHECKSUM_LEN));
	TRY(writer_done(&w));
	*out_len = writer_len(&w);
	return ERR_OK;
}

static enum coffer_err read_text(struct reader *r, char *out, size_t cap)
{
	struct view text;
	TRY(reader_view_u32(r, cap - 1, &text));
	ENSURE(text.len == 0 || !memchr(text.ptr, 0, text.len), ERR_CORRUPT);
	if (text.len) memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return ERR_OK;
}

static enum coffer_err read_fields(struct reader *r, struct identity *i)
{
	struct view data;
	uint8_t kind;
	uint16_t reserved;
	TRY(reader_u8(r, &kind));
	TRY(kind_name(kind, i->token_kind));
	TRY(reader_u16(r, &reserved));
	ENSURE(reserved == 0, ERR_CORRUPT);
	TRY(reader_bytes(r, i->domain.id, UUID_LEN));
	TRY(reader_bytes(r, i->domain.node_id, UUID_LEN));
	TRY(reader_bytes(r, i->domain.public_key, DOMAIN_PUBLIC_LEN));
	TRY(reader_bytes(r, i->binding.master_secret_id, TOKEN_MS_ID_LEN));
	TRY(read_text(r, i->token_uri, sizeof i->token_uri));
	TRY(read_text(r, i->binding.mechanism, sizeof i->binding.mechanism));
	TRY(reader_view_u32(r, TOKEN_BINDING_MAX, &data));
	if (data.len) memcpy(i->binding.data, data.ptr, data.len);
	i->binding.data_len = data.len;
	return reader_end(r);
}

enum coffer_err identity_decode(struct view bytes, struct identity *out)
{
	struct reader r, fields;
	struct view magic;
	uint8_t format, digest[HASH_SHA256_LEN];
	struct identity i = { 0 };
	ENSURE(bytes.len > CHECKSUM_LEN, ERR_CORRUPT);
	struct view checked = view_of(bytes.ptr, bytes.len - CHECKSUM_LEN);
	reader_init(&r, bytes);
	ENSURE(reader_view(&r, sizeof MAGIC - 1, &magic) == ERR_OK && view_equal_str(magic, MAGIC), ERR_CORRUPT);
	ENSURE(reader_u8(&r, &format) == ERR_OK, ERR_CORRUPT);
	ENSURE(format == FORMAT || format == FORMAT_ROOTED, ERR_VERSION);
	TRY(hash_sha256(checked, digest));
	ENSURE(view_equal(view_of(digest, CHECKSUM_LEN), view_of(bytes.ptr + checked.len, CHECKSUM_LEN)), ERR_CORRUPT);
	ENSURE(reader_left(&r) >= CHECKSUM_LEN && reader_child(&r, reader_left(&r) - CHECKSUM_LEN, &fields) == ERR_OK, ERR_CORRUPT);
	ENSURE(read_fields(&fields, &i) == ERR_OK && fields_are_sound(&i), ERR_CORRUPT);
	i.rooted = format == FORMAT_ROOTED;
	*out = i;
	return ERR_OK;
}
