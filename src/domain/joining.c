/* The bytes of pending/join. */
#include "domain/joining.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"

#define MAGIC "CFRJ"
#define MAGIC_LEN 4u
#define FORMAT 1u
#define CHECKSUM_LEN 8u

void joining_clear(struct joining *j)
{
	buf_free(&j->reference);
	buf_free(&j->wrapped_auth);
	buf_free(&j->wrapped_enrolment);
	buf_free(&j->request);
	*j = JOINING_NONE;
}

static enum coffer_err request_fits(const struct joining *j)
{
	struct admission_request q;
	TRY(admission_request_read(buf_view(&j->request), &q, NULL));
	bool same = memcmp(q.domain_id, j->domain.id, UUID_LEN) == 0 && memcmp(q.node_id, j->domain.node_id, UUID_LEN) == 0;
	return same && strcmp(q.token_kind, j->token_kind) == 0 ? ERR_OK : ERR_FIELD;
}

/* What a file of this stage has. */
static enum coffer_err parts_fit(const struct joining *j)
{
	bool keys = j->stage >= JOINING_KEYS;
	struct view mechanism = view_of(j->binding.mechanism, strnlen(j->binding.mechanism, sizeof j->binding.mechanism));
	ENSURE(j->stage >= JOINING_BEGUN && j->stage <= JOINING_ASKED && j->token_uri[0] != '\0', ERR_FIELD);
	ENSURE(keys ? kind_mechanism_is_sound(mechanism) : mechanism.len == 0, ERR_FIELD);
	ENSURE(keys == (j->reference.len != 0) && keys == (j->wrapped_auth.len != 0), ERR_FIELD);
	ENSURE(keys || (j->binding.data_len == 0 && j->wrapped_enrolment.len == 0), ERR_FIELD);
	ENSURE((j->stage == JOINING_ASKED) == (j->request.len != 0), ERR_FIELD);
	return j->request.len ? request_fits(j) : ERR_OK;
}

static enum coffer_err write_fields(const struct joining *j, struct buf *out)
{
	struct writer w;
	uint8_t kind;
	TRY(kind_number(j->token_kind, &kind));
	ENSURE(j->binding.data_len <= TOKEN_BINDING_MAX && j->reference.len <= JOINING_REF_MAX, ERR_FIELD);
	ENSURE(j->wrapped_auth.len <= TOKEN_BLOB_MAX && j->wrapped_enrolment.len <= TOKEN_BLOB_MAX && j->request.len <= ADMISSION_REQUEST_MAX, ERR_FIELD);
	writer_init_buf(&w, out, JOINING_FILE_MAX - CHECKSUM_LEN);
	writer_bytes(&w, view_of(MAGIC, MAGIC_LEN));
	writer_u8(&w, FORMAT);
	writer_u8(&w, kind);
	writer_u8(&w, (uint8_t)j->stage);
	writer_u8(&w, 0);
	writer_bytes(&w, view_of(j->domain.id, UUID_LEN));
	writer_bytes(&w, view_of(j->domain.node_id, UUID_LEN));
	writer_bytes(&w, view_of(j->domain.public_key, DOMAIN_PUBLIC_LEN));
	writer_view_u32(&w, view_of(j->token_uri, strnlen(j->token_uri, TOKEN_URI_MAX)));
	writer_bytes(&w, view_of(j->binding.master_secret_id, TOKEN_MS_ID_LEN));
	writer_view_u32(&w, view_of(j->binding.mechanism, strnlen(j->binding.mechanism, sizeof j->binding.mechanism)));
	writer_view_u32(&w, view_of(j->binding.data, j->binding.data_len));
	writer_view_u32(&w, buf_view(&j->reference));
	writer_view_u32(&w, buf_view(&j->wrapped_auth));
	writer_view_u32(&w, buf_view(&j->wrapped_enrolment));
	writer_view_u32(&w, buf_view(&j->request));
	return writer_done(&w);
}

enum coffer_err joining_encode(const struct joining *j, struct buf *out)
{
	uint8_t sum[HASH_SHA256_LEN];
	size_t start = out->len;
	TRY(parts_fit(j));
	enum coffer_err err = write_fields(j, out);
	if (!err) err = hash_sha256(view_of(out->ptr + start, out->len - start), sum);
	if (!err) err = buf_append(out, view_of(sum, CHECKSUM_LEN));
	if (err) out->len = start;
	return err;
}

static enum coffer_err read_buf(struct reader *r, size_t max, struct buf *out)
{
	struct view bytes;
	TRY(reader_view_u32(r, max, &bytes));
	return bytes.len ? buf_append(out, bytes) : ERR_OK;
}

static enum coffer_err read_binding(struct reader *r, struct joining *j)
{
	struct view uri, mechanism, data;
	TRY(reader_view_u32(r, TOKEN_URI_MAX, &uri));
	ENSURE(uri.len >= 1 && text_is_utf8(uri), ERR_CORRUPT);
	memcpy(j->token_uri, uri.ptr, uri.len);
	TRY(reader_bytes(r, j->binding.master_secret_id, TOKEN_MS_ID_LEN));
	TRY(reader_view_u32(r, sizeof j->binding.mechanism - 1, &mechanism));
	if (mechanism.len) memcpy(j->binding.mechanism, mechanism.ptr, mechanism.len);
	ENSURE(strnlen(j->binding.mechanism, sizeof j->binding.mechanism) == mechanism.len, ERR_CORRUPT);
	TRY(reader_view_u32(r, TOKEN_BINDING_MAX, &data));
	if (data.len) memcpy(j->binding.data, data.ptr, data.len);
	j->binding.data_len = data.len;
	return ERR_OK;
}

static enum coffer_err read_fields(struct reader *r, struct joining *j)
{
	uint8_t format, kind, stage, reserved;
	struct view magic;
	TRY(reader_view(r, MAGIC_LEN, &magic));
	ENSURE(view_equal_str(magic, MAGIC), ERR_CORRUPT);
	TRY(reader_u8(r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_u8(r, &kind));
	TRY(kind_name(kind, j->token_kind));
	TRY(reader_u8(r, &stage));
	TRY(reader_u8(r, &reserved));
	ENSURE(stage >= JOINING_BEGUN && stage <= JOINING_ASKED && reserved == 0, ERR_CORRUPT);
	j->stage = (enum joining_stage)stage;
	TRY(reader_bytes(r, j->domain.id, UUID_LEN));
	TRY(reader_bytes(r, j->domain.node_id, UUID_LEN));
	TRY(reader_bytes(r, j->domain.public_key, DOMAIN_PUBLIC_LEN));
	TRY(read_binding(r, j));
	TRY(read_buf(r, JOINING_REF_MAX, &j->reference));
	TRY(read_buf(r, TOKEN_BLOB_MAX, &j->wrapped_auth));
	TRY(read_buf(r, TOKEN_BLOB_MAX, &j->wrapped_enrolment));
	TRY(read_buf(r, ADMISSION_REQUEST_MAX, &j->request));
	return reader_end(r);
}

static enum coffer_err decode(struct view bytes, struct joining *j)
{
	struct reader r;
	uint8_t sum[HASH_SHA256_LEN];
	ENSURE(bytes.len > CHECKSUM_LEN && bytes.len <= JOINING_FILE_MAX, ERR_CORRUPT);
	struct view fields = view_of(bytes.ptr, bytes.len - CHECKSUM_LEN);
	TRY(hash_sha256(fields, sum));
	ENSURE(memcmp(sum, bytes.ptr + fields.len, CHECKSUM_LEN) == 0, ERR_CORRUPT);
	reader_init(&r, fields);
	TRY(read_fields(&r, j));
	return parts_fit(j);
}

enum coffer_err joining_decode(struct view bytes, struct joining *out)
{
	struct joining j = JOINING_NONE;
	enum coffer_err err = decode(bytes, &j);
	if (!err) {
		*out = j;
		return ERR_OK;
	}
	joining_clear(&j);
	return err == ERR_VERSION || err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_crypto ? err : ERR_CORRUPT;
}
