/* Writing an archive: each call appends bytes of the file, and everything that is appended is hashed on its way. */
#include <stdlib.h>
#include <string.h>

#include "archive/archive_internal.h"
#include "keyring/record.h"

struct archive_writer {
	struct ring *ring;             /* borrowed */
	struct archive_header header;
	struct root root;
	struct hash *all;              /* SHA-512 of all before the signature */
	struct hash *file;             /* SHA-256 of the file */
	struct hash *table_hash;       /* of the table that is written */
	enum store_table table;        /* 0: none yet */
	struct manifest manifest;
	uint64_t size;
	uint8_t sha256[32];
	bool ended;
};

void archive_writer_free(struct archive_writer *w)
{
	if (!w) return;
	hash_free(w->all);
	hash_free(w->file);
	hash_free(w->table_hash);
	free(w);
}

DEFINE_AUTO(struct archive_writer, archive_writer_free)

/* What was appended behind `from`. */
static enum coffer_err account(struct archive_writer *w, const struct bytes *out, size_t from)
{
	struct view more = view_of(out->ptr + from, out->len - from);
	w->size += more.len;
	TRY(hash_update(w->all, more));
	return hash_update(w->file, more);
}

static enum coffer_err write_front(struct archive_writer *w, const struct store_row *stanza_row, const struct store_row *root_row, struct bytes *out)
{
	uint8_t preamble[PREAMBLE_LEN], header[HEADER_LEN];
	size_t from = out->len;
	member_preamble(preamble);
	member_header_write(&w->header, header);
	TRY(bytes_append(out, view_of(preamble, sizeof preamble)));
	TRY(member_append(MEMBER_HEADER, view_of(header, sizeof header), out));
	TRY(member_row_append(MEMBER_STANZA, STORE_RECOVERY, stanza_row, out));
	TRY(member_row_append(MEMBER_ROOT, STORE_DOMAIN, root_row, out));
	return account(w, out, from);
}

enum coffer_err archive_writer_new(struct ring *ring, struct archive_header *header, const struct store_row *stanza_row,
	const struct store_row *root_row, struct bytes *out, struct archive_writer **out_writer)
{
	struct domain_id domain;
	AUTO(auto_archive_writer_free) struct archive_writer *w = calloc(1, sizeof *w);
	ENSURE(w, ERR_MEMORY);
	w->ring = ring;
	archive_domain(header, &domain);
	TRY(domain_fingerprint(&domain, header->fingerprint));
	w->header = *header;
	TRY(root_from_row(ring, root_row, &w->root));
	TRY(hash_new(HASH_SHA512, &w->all));
	TRY(hash_new(HASH_SHA256, &w->file));
	TRY(write_front(w, stanza_row, root_row, out));
	*out_writer = TAKE(w);
	return ERR_OK;
}

/* Tables without rows have the digest of nothing. */
static enum coffer_err finish_table(struct archive_writer *w, enum store_table next)
{
	while ((unsigned)w->table < (unsigned)next) {
		if (w->table_hash) TRY(hash_final(w->table_hash, w->manifest.tables[w->table].digest));
		hash_free(TAKE(w->table_hash));
		w->table = (enum store_table)(w->table + 1);
		if ((unsigned)w->table < ARCHIVE_TABLES_END) TRY(hash_new(HASH_SHA256, &w->table_hash));
	}
	return ERR_OK;
}

enum coffer_err archive_writer_row(struct archive_writer *w, enum store_table table, const struct store_row *row, struct bytes *out)
{
	uint8_t entry[ROOT_SUM_LEN];
	size_t from = out->len;
	ENSURE(!w->ended && table >= w->table && (unsigned)table < ARCHIVE_TABLES_END, ERR_BUG);
	if (root_is_own_row(table, view_of(row->id, row->id_len))) return ERR_OK;
	TRY(finish_table(w, table));
	struct archive_table *t = &w->manifest.tables[table];
	TRY(root_entry(w->ring, w->root.generation, table, row, entry));
	TRY(member_row_append(MEMBER_ROW, table, row, out));
	TRY(hash_update(w->table_hash, view_of(out->ptr + from, out->len - from)));
	root_sum_add(&t->sum, entry);
	t->count++;
	t->bytes += out->len - from;
	w->manifest.rows++;
	return account(w, out, from);
}

static enum coffer_err write_canary(struct archive_writer *w, struct bytes *out)
{
	uint8_t header[HEADER_LEN], row_header[CANARY_HEADER_LEN], plain[CANARY_PLAIN_LEN];
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	member_header_write(&w->header, header);
	canary_row(&w->header, row_header, &row);
	TRY(canary_plain(header, plain));
	TRY(record_seal(w->ring, STORE_DOMAIN, view_of(plain, sizeof plain), &row, &body));
	ENSURE(row.generation == w->header.generation, ERR_STATE); /* rotated meanwhile */
	return member_append(MEMBER_CANARY, row.body, out);
}

enum coffer_err archive_writer_end(struct archive_writer *w, const struct secret *domain_seed, struct bytes *out)
{
	uint8_t digest[DIGEST_LEN], message[SIGNED_MAX], signature[SIGN_SIGNATURE_LEN];
	size_t from = out->len, len;
	ENSURE(!w->ended, ERR_BUG);
	TRY(finish_table(w, (enum store_table)ARCHIVE_TABLES_END));
	for (unsigned t = STORE_OBJECT; t < ARCHIVE_TABLES_END; t++)
		if (!root_sum_equal(&w->manifest.tables[t].sum, &w->root.tables[t])) w->manifest.flags |= ARCHIVE_FLAG_NOT_WHOLE;
	TRY(write_canary(w, out));
	TRY(member_manifest_append(&w->manifest, out));
	TRY(account(w, out, from));
	w->ended = true;
	TRY(hash_final(w->all, digest));
	TRY(archive_message(w->header.domain_id, digest, message, &len));
	TRY(sign_ed25519(domain_seed, view_of(message, len), signature));
	TRY(bytes_append(out, view_of(signature, sizeof signature)));
	w->size += sizeof signature;
	TRY(hash_update(w->file, view_of(signature, sizeof signature)));
	return hash_final(w->file, w->sha256);
}

enum coffer_err archive_writer_result(struct archive_writer *w, uint64_t *out_size, uint8_t out_sha256[static 32], bool *out_whole)
{
	ENSURE(w->ended, ERR_STATE);
	*out_size = w->size;
	*out_whole = !(w->manifest.flags & ARCHIVE_FLAG_NOT_WHOLE);
	memcpy(out_sha256, w->sha256, sizeof w->sha256);
	return ERR_OK;
}
