/* A small domain, and archives of it. */
#include "unit/archive/maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/row.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "keyring/generation.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "keyring/rooted_store.h"
#include "store/snapshot.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); abort(); } } while (0)
#define CARRIED 0x3eu /* tables 1 to 5 */

static struct secret *filled(uint8_t first)
{
	struct secret *s = secret_new(32);
	MUST(s);
	for (uint8_t i = 0; i < 32; i++) secret_mut(s)[i] = (uint8_t)(first + i);
	return s;
}

void maker_open(struct maker *m, uint8_t salt, unsigned generations, bool passphrase)
{
	maker_open_from(m, salt, 1, generations, passphrase);
}

void maker_open_from(struct maker *m, uint8_t salt, unsigned first, unsigned last, bool passphrase)
{
	struct store *inner;
	memset(m, 0, sizeof *m);
	memset(m->domain.id, 0x10 + salt, UUID_LEN);
	memset(m->domain.node_id, 0x40 + salt, UUID_LEN);
	m->seed = filled((uint8_t)(0xa0 + salt));
	MUST(sign_public_of(m->seed, m->domain.public_key) == ERR_OK);
	m->ring = ring_new(&m->domain);
	MUST(m->ring);
	for (unsigned g = first; g <= last; g++) {
		struct secret *key = filled((uint8_t)(0x20 + salt + 3 * g));
		MUST(ring_add(m->ring, g, &key) == ERR_OK);
	}
	MUST(store_open_memory(&inner) == ERR_OK && rooted_store_new(inner, &m->store) == ERR_OK);
	MUST(rooted_store_attach(m->store, m->ring, NULL) == ERR_OK && store_begin(m->store, NULL) == ERR_OK);
	if (passphrase) MUST(recovery_new_passphrase(m->ring, m->seed, view_str(MAKER_PASSPHRASE), &m->stanza, &m->stanza_body, NULL) == ERR_OK);
	else MUST(recovery_new_shares(m->ring, m->seed, 2, 3, &m->stanza, &m->stanza_body, m->texts, NULL) == ERR_OK);
	for (unsigned i = 0; i < 3; i++) m->shares[i] = buf_view(&m->texts[i]);
	MUST(recovery_put(m->store, m->ring, m->seed, &m->stanza, NULL) == ERR_OK);
	MUST(generation_put_domain_key(m->store, m->ring, m->seed, m->domain.public_key) == ERR_OK);
}

void maker_done(struct maker *m)
{
	store_rollback(m->store);
	store_close(m->store);
	for (unsigned i = 0; i < 3; i++) buf_free(&m->texts[i]);
	buf_free(&m->stanza_body);
	secret_free(m->seed);
	ring_free(m->ring);
	bytes_free(&m->file);
}

void maker_put(struct maker *m, enum store_table table, const char *id, const char *plain, uint32_t state)
{
	static const uint8_t header[] = { 1 };
	static const uint8_t none[] = { 0, 0 };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = strlen(id), .version = 1, .state = state, .header = view_of(header, sizeof header),
		.index = view_of(none, sizeof none) };
	memcpy(row.id, id, row.id_len);
	MUST(record_seal(m->ring, table, view_str(plain), &row, &body) == ERR_OK);
	MUST(store_put(m->store, table, &row, true) == ERR_OK);
}

void maker_audit(struct maker *m, const char *details)
{
	static const uint8_t none[] = { 0, 0 };
	uint8_t header_bytes[AUDIT_HEADER_LEN];
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct audit_header header = { .link_generation = ring_newest(m->ring), .has_digest = true };
	struct store_row row = { .id_len = AUDIT_ID_LEN, .version = 1, .index = view_of(none, sizeof none) };
	if (!m->audit.seq) MUST(audit_place_begin(&m->domain, &m->audit) == ERR_OK);
	const struct audit_event event = { .seq = m->audit.seq + 1, .principal = view_str("unix:7"), .details = view_str(details) };
	MUST(audit_row_encode(&m->domain, &event, &plain) == ERR_OK);
	MUST(audit_link(m->ring, header.link_generation, event.seq, m->audit.link, buf_view(&plain), header.link) == ERR_OK);
	MUST(audit_digest_next(m->audit.digest, header.link_generation, header.link, buf_view(&plain), header.digest) == ERR_OK);
	audit_row_id(&m->domain, event.seq, row.id);
	audit_header_encode(&header, header_bytes);
	row.header = view_of(header_bytes, sizeof header_bytes);
	MUST(record_seal(m->ring, STORE_AUDIT, buf_view(&plain), &row, &body) == ERR_OK);
	MUST(store_put(m->store, STORE_AUDIT, &row, false) == ERR_OK);
	m->audit.seq = event.seq;
	memcpy(m->audit.link, header.link, sizeof header.link);
	memcpy(m->audit.digest, header.digest, sizeof header.digest);
}

void maker_fill(struct maker *m)
{
	maker_put(m, STORE_OBJECT, "object-aaaaaaaaa", "key material of a", 2);
	maker_put(m, STORE_OBJECT, "object-bbbbbbbbb", "", 5);
	maker_put(m, STORE_GRANT, "grant-aaaaaaaaaa", "a grant", 1);
	maker_audit(m, "a record");
	maker_put(m, STORE_REQUEST, "request-aaaaaaaaaaaaaaaaaaaaaaaa", "an answer", 0);
	maker_put(m, STORE_DOMAIN, "object-index", "\1", 0);
}

struct writing {
	struct archive_writer *writer;
	struct bytes *out;
};

static enum coffer_err write_row(void *arg, enum store_table table, const struct store_row *row)
{
	struct writing *w = arg;
	return archive_writer_row(w->writer, table, row, w->out);
}

void maker_archive_of(struct maker *m, struct store *store)
{
	static const struct store_snapshot_plan plan = { .tables = CARRIED, .keep_max = 1u << 20, .idle_ms = 60000 };
	AUTO_BUF struct buf root_body = BUF_EMPTY;
	struct archive_header header = { .created_ms = 1700000000000, .generation = ring_newest(m->ring) };
	struct writing w = { .out = &m->file };
	struct store_snapshot *snapshot;
	struct store_row root;
	struct rooted_facts facts;
	bool done = false;
	rooted_store_facts(m->store, &facts);
	header.root_version = facts.version;
	memcpy(header.domain_id, m->domain.id, UUID_LEN);
	memcpy(header.public_key, m->domain.public_key, DOMAIN_PUBLIC_LEN);
	memcpy(header.node_id, m->domain.node_id, UUID_LEN);
	memset(header.archive_id, 0x77, ARCHIVE_ID_LEN);
	memcpy(header.recovery_key_id, m->stanza.id, RECOVERY_KEY_ID_LEN);
	m->file.len = 0;
	MUST(rooted_store_root_row(m->store, &root, &root_body, NULL) == ERR_OK);
	MUST(archive_writer_new(m->ring, &header, &m->stanza, &root, &m->file, &w.writer) == ERR_OK);
	MUST(store_snapshot_begin(store, &plan, &snapshot) == ERR_OK);
	while (!done) MUST(store_snapshot_read(snapshot, 1, write_row, &w, &done) == ERR_OK);
	store_snapshot_end(snapshot);
	MUST(archive_writer_end(w.writer, m->seed, &m->file) == ERR_OK);
	MUST(archive_writer_result(w.writer, &m->size, m->sha256, &m->whole) == ERR_OK);
	archive_writer_free(w.writer);
}

void maker_archive(struct maker *m)
{
	MUST(store_commit(m->store, NULL) == ERR_OK);
	maker_archive_of(m, m->store);
}

int maker_file(struct view bytes)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	MUST(fd >= 0);
	for (size_t at = 0; at < bytes.len;) {
		ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
		MUST(n > 0);
		at += (size_t)n;
	}
	return fd;
}

void maker_sign(struct maker *m, struct bytes *file)
{
	uint8_t digest[64], message[128];
	struct writer w;
	MUST(file->len > SIGN_SIGNATURE_LEN);
	const struct view all = view_of(file->ptr, file->len - SIGN_SIGNATURE_LEN);
	MUST(hash_parts(HASH_SHA512, &all, 1, digest) == ERR_OK);
	writer_init(&w, message, sizeof message);
	label_write(&w, "archive");
	writer_bytes(&w, view_of(m->domain.id, UUID_LEN));
	writer_bytes(&w, view_of(digest, sizeof digest));
	MUST(writer_done(&w) == ERR_OK);
	MUST(sign_ed25519(m->seed, writer_view(&w), file->ptr + all.len) == ERR_OK);
}
