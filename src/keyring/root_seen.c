/* What this node read of the others' roots: a place with two slots for each, written in turn (docs/formats.md section 14.3). */
#include <string.h>
#include <unistd.h>

#include "base/ct.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "keyring/label.h"
#include "keyring/root_mark_internal.h"

#define MAGIC "CFRO"
#define FORMAT 1u
#define SLOTS 2u
#define SLOT_LEN 80u
#define FIELDS_LEN 68u /* before the check */
#define CHECK_LEN 8u

static off_t place_at(size_t place, unsigned slot)
{
	return (off_t)(ROOT_SEEN_AT + (place * SLOTS + slot) * SLOT_LEN);
}

void root_seen_held_id(const uint8_t node_id[static UUID_LEN], uint8_t out[static UUID_LEN])
{
	for (size_t i = 0; i < UUID_LEN; i++) out[i] = (uint8_t)~node_id[i];
}

static enum coffer_err make_mac(struct ring *ring, const struct root_seen_place *p, uint8_t out[static MAC_LEN])
{
	uint8_t message[128], held[UUID_LEN];
	struct writer w;
	const struct secret *key;
	const struct domain_id *domain = ring_domain(ring);
	TRY(ring_subkey(ring, p->generation, SUBKEY_ANCHOR, &key));
	writer_init(&w, message, sizeof message);
	root_seen_held_id(domain->node_id, held);
	label_write(&w, memcmp(p->node_id, held, UUID_LEN) == 0 ? "held-seen" : "root-seen"); /* a program from before takes no other node from it */
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_bytes(&w, view_of(p->node_id, UUID_LEN));
	writer_u32(&w, p->generation);
	writer_u64(&w, p->version);
	TRY(writer_done(&w));
	const struct view part = writer_view(&w);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}

static enum coffer_err read_slot(struct ring *ring, const uint8_t slot[static SLOT_LEN], struct root_seen_place *out)
{
	struct reader r;
	struct view magic;
	uint8_t format, reserved[3], mac[MAC_LEN], right[MAC_LEN], digest[HASH_SHA256_LEN];
	reader_init(&r, view_of(slot, FIELDS_LEN));
	TRY(reader_view(&r, sizeof MAGIC - 1, &magic));
	TRY(reader_u8(&r, &format));
	TRY(reader_bytes(&r, reserved, sizeof reserved));
	ENSURE(view_equal_str(magic, MAGIC) && format == FORMAT, ERR_CORRUPT);
	TRY(reader_u32(&r, &out->generation));
	TRY(reader_bytes(&r, out->node_id, UUID_LEN));
	TRY(reader_u64(&r, &out->version));
	TRY(reader_bytes(&r, mac, sizeof mac));
	TRY(hash_sha256(view_of(slot, FIELDS_LEN), digest));
	ENSURE(out->version != 0 && memcmp(slot + FIELDS_LEN, digest, CHECK_LEN) == 0, ERR_CORRUPT);
	TRY(make_mac(ring, out, right));
	return ct_equal(mac, right, sizeof right) ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err root_seen_load(struct root_mark *mark, struct ring *ring, root_seen_fn *fn, void *arg)
{
	memset(mark->places, 0, sizeof mark->places);
	for (size_t i = 0; i < ROOT_SEEN_MAX; i++) {
		uint8_t bytes[SLOTS][SLOT_LEN] = { { 0 } };
		ssize_t got = pread(mark->fd, bytes, sizeof bytes, place_at(i, 0));
		ENSURE(got >= 0, ERR_IO);
		if (got == 0) break;
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			struct root_seen_place found = { .slot = slot };
			if (read_slot(ring, bytes[slot], &found) == ERR_OK && found.version > mark->places[i].version) mark->places[i] = found;
		}
		if (mark->places[i].version) TRY(fn(arg, mark->places[i].node_id, mark->places[i].version));
	}
	return ERR_OK;
}

static enum coffer_err write_slot(struct root_mark *mark, struct ring *ring, size_t place, const struct root_seen_place *p)
{
	uint8_t slot[SLOT_LEN], mac[MAC_LEN], digest[HASH_SHA256_LEN];
	struct writer w;
	TRY(make_mac(ring, p, mac));
	writer_init(&w, slot, sizeof slot);
	writer_bytes(&w, view_str(MAGIC));
	writer_u8(&w, FORMAT);
	writer_zero(&w, 3);
	writer_u32(&w, p->generation);
	writer_bytes(&w, view_of(p->node_id, UUID_LEN));
	writer_u64(&w, p->version);
	writer_bytes(&w, view_of(mac, sizeof mac));
	writer_zero(&w, SLOT_LEN - FIELDS_LEN);
	TRY(writer_done(&w));
	TRY(hash_sha256(view_of(slot, FIELDS_LEN), digest));
	memcpy(slot + FIELDS_LEN, digest, CHECK_LEN);
	ENSURE(pwrite(mark->fd, slot, sizeof slot, place_at(place, p->slot)) == (ssize_t)sizeof slot, ERR_IO);
	mark->places[place] = *p;
	return ERR_OK;
}

void root_seen_write(struct root_mark *mark, struct ring *ring, const uint8_t node_id[static UUID_LEN], uint64_t version)
{
	size_t at = 0, unused = ROOT_SEEN_MAX;
	while (at < ROOT_SEEN_MAX && (!mark->places[at].version || memcmp(mark->places[at].node_id, node_id, UUID_LEN) != 0)) {
		if (!mark->places[at].version && unused == ROOT_SEEN_MAX) unused = at;
		at++;
	}
	if (at == ROOT_SEEN_MAX) at = unused;
	struct root_seen_place next = { .version = version, .generation = ring_newest(ring) };
	enum coffer_err err = at < ROOT_SEEN_MAX ? ERR_OK : ERR_LIMIT;
	if (!err) {
		const struct root_seen_place *was = &mark->places[at];
		if (was->version == version && was->generation == next.generation) return;
		next.slot = was->version ? !was->slot : 0;
		memcpy(next.node_id, node_id, UUID_LEN);
		err = write_slot(mark, ring, at, &next);
	}
	if (err && !mark->failed) log_warn("the mark beside the store cannot be written: %s; older roots of other nodes may not be noticed", err_text(err));
	mark->failed = err != ERR_OK;
}
