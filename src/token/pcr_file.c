/* Reading, writing and signing files of PCR values. */
#include "token/pcr_file.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"

#define MAGIC "CFRS"
#define FORMAT 1u
#define CHECKSUM_LEN 8u

static const enum hash_algorithm policy_hashes[2] = { HASH_SHA256, HASH_SHA384 };

bool pcr_ref_is_sound(struct view ref)
{
	if (ref.len > PCR_REF_MAX) return false;
	for (size_t i = 0; i < ref.len; i++) {
		if (ref.ptr[i] < 0x20 || ref.ptr[i] > 0x7e) return false;
	}
	return true;
}

/* ---- reading ---- */

static enum coffer_err read_head(struct reader *r, struct pcr_file *f)
{
	uint8_t bank, curve;
	struct view ref;
	TRY(reader_u8(r, &bank));
	TRY(pcr_bank_of(bank, &f->selection.bank));
	TRY(reader_u24(r, &f->selection.mask));
	ENSURE(f->selection.mask != 0, ERR_CORRUPT);
	TRY(reader_u8(r, &curve));
	TRY(ecdsa_curve_of(curve, &f->key.curve));
	TRY(reader_bytes(r, f->key.point, ecdsa_point_len(f->key.curve)));
	TRY(reader_view_u16(r, PCR_REF_MAX, &ref));
	ENSURE(pcr_ref_is_sound(ref), ERR_CORRUPT);
	if (ref.len) memcpy(f->ref, ref.ptr, ref.len);
	return ERR_OK;
}

static enum coffer_err read_entry(struct reader *r, const struct pcr_file *f, struct pcr_file_entry *out)
{
	out->values.selection = f->selection;
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (f->selection.mask >> n & 1) TRY(reader_bytes(r, out->values.value[n], hash_len(f->selection.bank)));
	}
	for (unsigned i = 0; i < 2; i++) TRY(reader_bytes(r, out->signature[i], 2 * ecdsa_field_len(f->key.curve)));
	return ERR_OK;
}

static enum coffer_err read_all(struct reader *r, struct pcr_file *f)
{
	uint8_t count;
	TRY(read_head(r, f));
	TRY(reader_u8(r, &count));
	ENSURE(count >= 1 && count <= PCR_FILE_ENTRIES, ERR_CORRUPT);
	for (f->count = 0; f->count < count; f->count++) TRY(read_entry(r, f, &f->entries[f->count]));
	return reader_end(r);
}

enum coffer_err pcr_file_decode(struct view bytes, struct pcr_file *out)
{
	struct reader r;
	struct view magic;
	uint8_t format, digest[HASH_SHA256_LEN];
	struct pcr_file f = { .count = 0 };
	ENSURE(bytes.len > CHECKSUM_LEN && bytes.len <= PCR_FILE_MAX, ERR_CORRUPT);
	struct view checked = view_of(bytes.ptr, bytes.len - CHECKSUM_LEN);
	reader_init(&r, checked);
	ENSURE(reader_view(&r, sizeof MAGIC - 1, &magic) == ERR_OK && view_equal_str(magic, MAGIC), ERR_CORRUPT);
	ENSURE(reader_u8(&r, &format) == ERR_OK, ERR_CORRUPT);
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(hash_sha256(checked, digest));
	ENSURE(view_equal(view_of(digest, CHECKSUM_LEN), view_of(bytes.ptr + checked.len, CHECKSUM_LEN)), ERR_CORRUPT);
	ENSURE(read_all(&r, &f) == ERR_OK, ERR_CORRUPT);
	enum coffer_err err = ecdsa_check(&f.key);
	ENSURE(err == ERR_OK, err == ERR_FIELD ? ERR_CORRUPT : err);
	*out = f;
	return ERR_OK;
}

/* ---- writing ---- */

static void write_entry(struct writer *w, const struct pcr_file *f, const struct pcr_file_entry *e)
{
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (f->selection.mask >> n & 1) writer_bytes(w, view_of(e->values.value[n], hash_len(f->selection.bank)));
	}
	for (unsigned i = 0; i < 2; i++) writer_bytes(w, view_of(e->signature[i], 2 * ecdsa_field_len(f->key.curve)));
}

enum coffer_err pcr_file_encode(const struct pcr_file *file, struct buf *out)
{
	struct writer w;
	uint8_t digest[HASH_SHA256_LEN];
	ENSURE(file->count >= 1 && file->count <= PCR_FILE_ENTRIES && pcr_ref_is_sound(view_str(file->ref)), ERR_FIELD);
	writer_init_buf(&w, out, PCR_FILE_MAX);
	writer_bytes(&w, view_str(MAGIC));
	writer_u8(&w, FORMAT);
	writer_u8(&w, pcr_bank_number(file->selection.bank));
	writer_u24(&w, file->selection.mask);
	writer_u8(&w, (uint8_t)file->key.curve);
	writer_bytes(&w, view_of(file->key.point, ecdsa_point_len(file->key.curve)));
	writer_view_u16(&w, view_str(file->ref));
	writer_u8(&w, (uint8_t)file->count);
	for (unsigned i = 0; i < file->count; i++) write_entry(&w, file, &file->entries[i]);
	TRY(writer_done(&w));
	TRY(hash_sha256(writer_view(&w), digest));
	writer_bytes(&w, view_of(digest, CHECKSUM_LEN));
	return writer_done(&w);
}

/* ---- signatures ---- */

enum coffer_err pcr_file_digest(const struct pcr_file *file, unsigned entry, enum hash_algorithm hash, uint8_t *out_policy,
	uint8_t *out_digest)
{
	uint8_t values[HASH_LEN_MAX];
	TRY(pcr_values_digest(&file->entries[entry].values, hash, values));
	TRY(pcr_policy_digest(&file->selection, values, hash, out_policy));
	const struct view parts[] = { view_of(out_policy, hash_len(hash)), view_str(file->ref) };
	return hash_parts(ecdsa_hash(file->key.curve), parts, 2, out_digest);
}

struct view pcr_file_signature(const struct pcr_file *file, unsigned entry, enum hash_algorithm hash)
{
	return view_of(file->entries[entry].signature[hash == HASH_SHA384], 2 * ecdsa_field_len(file->key.curve));
}

enum coffer_err pcr_file_add(struct pcr_file *file, const struct pcr_values *values, const struct secret *pem)
{
	uint8_t policy[HASH_LEN_MAX], digest[HASH_LEN_MAX];
	unsigned at = file->count;
	ENSURE(at < PCR_FILE_ENTRIES, ERR_LIMIT);
	ENSURE(pcr_selection_equal(&file->selection, &values->selection), ERR_FIELD);
	struct pcr_file_entry *e = &file->entries[at];
	*e = (struct pcr_file_entry){ .values = *values };
	for (unsigned i = 0; i < 2; i++) {
		TRY(pcr_file_digest(file, at, policy_hashes[i], policy, digest));
		TRY(ecdsa_sign_with_pem(pem, view_of(digest, hash_len(ecdsa_hash(file->key.curve))), e->signature[i]));
	}
	file->count++;
	return ERR_OK;
}

enum coffer_err pcr_file_verify(const struct pcr_file *file)
{
	uint8_t policy[HASH_LEN_MAX], digest[HASH_LEN_MAX];
	for (unsigned at = 0; at < file->count; at++) {
		for (unsigned i = 0; i < 2; i++) {
			TRY(pcr_file_digest(file, at, policy_hashes[i], policy, digest));
			TRY(ecdsa_verify(&file->key, view_of(digest, hash_len(ecdsa_hash(file->key.curve))), pcr_file_signature(file, at, policy_hashes[i])));
		}
	}
	return ERR_OK;
}
