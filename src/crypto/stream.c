/* The sealed stream: header, commitment, and the count of segments. */
#include "crypto/stream.h"

#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/context.h"
#include "crypto/rng.h"
#include "crypto/stream_core.h"
#include "crypto/stream_internal.h"

#define MAGIC "CFRS"
#define MAGIC_LEN 4u
#define SUITE_HKDF_SHA512 1u
#define INFO_HEADER_LEN (STREAM_HEADER_LEN - STREAM_COMMITMENT_LEN) /* the header up to the commitment */
#define LANES_MAX 8u /* cipher contexts that a stream keeps for threads that work on it at once */

/* What sealer and opener have in common: the key, and the place in the stream. */
struct place {
	_Atomic unsigned references;
	struct aead_key *_Atomic lanes[LANES_MAX]; /* contexts that nobody uses right now; NULL: none */
	uint8_t key[STREAM_KEY_LEN]; /* of the segments; for further contexts */
	size_t segment_size;  /* bytes of plaintext */
	uint64_t number;      /* of the next segment */
	uint64_t plain_len;   /* bytes done */
	bool complete;        /* the last segment is done, or its place is taken */
	bool dead;            /* a call failed: nothing may follow */
	uint8_t prefix[STREAM_PREFIX_LEN];
};

struct stream_sealer { struct place at; };
struct stream_opener { struct place at; };

enum coffer_err stream_header_parse(struct view bytes, struct stream_header *out)
{
	struct reader r;
	struct view magic;
	struct stream_header h;
	uint8_t suite, bits;
	uint16_t flags;
	size_t have = bytes.len < MAGIC_LEN ? bytes.len : MAGIC_LEN;
	reader_init(&r, bytes);
	ENSURE(have == 0 || memcmp(bytes.ptr, MAGIC, have) == 0, ERR_FOREIGN);
	TRY(reader_view(&r, MAGIC_LEN, &magic));
	TRY(reader_u8(&r, &suite));
	ENSURE(suite == SUITE_HKDF_SHA512, ERR_VERSION);
	TRY(reader_u8(&r, &bits));
	ENSURE(bits >= STREAM_BITS_MIN && bits <= STREAM_BITS_MAX, ERR_FIELD);
	TRY(reader_u16(&r, &flags));
	ENSURE(flags == 0, ERR_VERSION);
	h.segment_bits = bits;
	TRY(reader_bytes(&r, h.key_id, sizeof h.key_id));
	TRY(reader_u32(&r, &h.key_version));
	ENSURE(h.key_version != 0, ERR_FIELD);
	TRY(reader_bytes(&r, h.salt, sizeof h.salt));
	TRY(reader_bytes(&r, h.prefix, sizeof h.prefix));
	TRY(reader_bytes(&r, h.commitment, sizeof h.commitment));
	*out = h;
	return ERR_OK;
}

/* Segment key and commitment from the first INFO_HEADER_LEN bytes of the header and the context. Makes at->key; writes
 * the commitment. */
static enum coffer_err derive(const uint8_t key[static STREAM_KEY_LEN], const uint8_t *header,
	const uint8_t salt[static STREAM_SALT_LEN],
	struct view context, struct place *at, uint8_t out_commitment[static STREAM_COMMITMENT_LEN])
{
	AUTO_BUF struct buf info = BUF_EMPTY;
	uint8_t okm[STREAM_KEY_LEN + STREAM_COMMITMENT_LEN];
	ENSURE(context.len <= CONTEXT_ENCODED_MAX, ERR_TOO_LARGE);
	TRY(buf_append(&info, view_of(header, INFO_HEADER_LEN)));
	TRY(buf_append(&info, context));
	TRY(stream_core_derive(KDF_SHA512, view_of(key, STREAM_KEY_LEN), view_of(salt, STREAM_SALT_LEN), buf_view(&info),
		okm, sizeof okm));
	struct aead_key *first;
	enum coffer_err err = aead_key_new(okm, STREAM_KEY_LEN, &first);
	if (err == ERR_OK) {
		atomic_init(&at->lanes[0], first);
		memcpy(at->key, okm, STREAM_KEY_LEN);
		memcpy(out_commitment, okm + STREAM_KEY_LEN, STREAM_COMMITMENT_LEN);
	}
	wipe(okm, sizeof okm);
	return err;
}

/* A context that is this thread's until it is given back. ERR_MEMORY, ERR_CRYPTO. */
static enum coffer_err borrow_lane(struct place *at, struct aead_key **out)
{
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct aead_key *k = atomic_exchange(&at->lanes[i], NULL);
		if (k == NULL) continue;
		*out = k;
		return ERR_OK;
	}
	return aead_key_new(at->key, STREAM_KEY_LEN, out);
}

static void return_lane(struct place *at, struct aead_key *k)
{
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct aead_key *none = NULL;
		if (atomic_compare_exchange_strong(&at->lanes[i], &none, k)) return;
	}
	aead_key_free(k);
}

/* True: that was the last reference, and nothing is left but the memory itself. */
static bool release(struct place *at)
{
	if (atomic_fetch_sub(&at->references, 1) > 1) return false;
	for (unsigned i = 0; i < LANES_MAX; i++) aead_key_free(atomic_exchange(&at->lanes[i], NULL));
	return true;
}

/* Whether a segment of plain_len bytes may come next. */
static enum coffer_err check_place(const struct place *at, size_t plain_len, bool last, enum coffer_err too_short,
	enum coffer_err too_long)
{
	ENSURE(!at->complete && !at->dead, ERR_STATE);
	ENSURE(plain_len <= at->segment_size, too_long);
	if (!last) ENSURE(plain_len == at->segment_size, too_short);
	if (last) ENSURE(plain_len != 0 || at->number == 0, too_short);
	ENSURE(at->number <= UINT32_MAX && plain_len <= STREAM_PLAIN_MAX - at->plain_len, ERR_LIMIT);
	return ERR_OK;
}

/* The next place, and whoever asks after it gets the one behind. */
static enum coffer_err take(struct place *at, size_t plain_len, bool last, enum coffer_err too_short,
	enum coffer_err too_long, struct stream_ticket *out)
{
	enum coffer_err err = check_place(at, plain_len, last, too_short, too_long);
	if (err != ERR_OK) {
		at->dead = true;
		return err;
	}
	*out = (struct stream_ticket){ (uint32_t)at->number, last, plain_len };
	at->number++;
	at->plain_len += plain_len;
	at->complete = last;
	return ERR_OK;
}

enum coffer_err stream_sealer_new_with(const uint8_t key[static STREAM_KEY_LEN], const uint8_t key_id[static UUID_LEN],
	uint32_t key_version, struct view context, unsigned segment_bits, const uint8_t salt[static STREAM_SALT_LEN],
	const uint8_t prefix[static STREAM_PREFIX_LEN], uint8_t out_header[static STREAM_HEADER_LEN],
	struct stream_sealer **out)
{
	uint8_t header[STREAM_HEADER_LEN], commitment[STREAM_COMMITMENT_LEN];
	struct writer w;
	ENSURE(segment_bits >= STREAM_BITS_MIN && segment_bits <= STREAM_BITS_MAX && key_version != 0, ERR_FIELD);
	AUTO(auto_stream_sealer_free) struct stream_sealer *s = arena_alloc(sizeof *s);
	ENSURE(s != NULL, ERR_MEMORY);
	atomic_init(&s->at.references, 1);
	s->at.segment_size = (size_t)1 << segment_bits;
	memcpy(s->at.prefix, prefix, STREAM_PREFIX_LEN);
	writer_init(&w, header, sizeof header);
	writer_bytes(&w, view_of(MAGIC, MAGIC_LEN));
	writer_u8(&w, SUITE_HKDF_SHA512);
	writer_u8(&w, (uint8_t)segment_bits);
	writer_u16(&w, 0);
	writer_bytes(&w, view_of(key_id, UUID_LEN));
	writer_u32(&w, key_version);
	writer_bytes(&w, view_of(salt, STREAM_SALT_LEN));
	writer_bytes(&w, view_of(prefix, STREAM_PREFIX_LEN));
	INVARIANT(writer_done(&w) == ERR_OK && writer_len(&w) == INFO_HEADER_LEN);
	TRY(derive(key, header, salt, context, &s->at, commitment));
	writer_bytes(&w, view_of(commitment, STREAM_COMMITMENT_LEN));
	TRY(writer_done(&w));
	memcpy(out_header, header, STREAM_HEADER_LEN);
	*out = TAKE(s);
	return ERR_OK;
}

enum coffer_err stream_sealer_new(const uint8_t key[static STREAM_KEY_LEN], const uint8_t key_id[static UUID_LEN],
	uint32_t key_version,
	struct view context, unsigned segment_bits, uint8_t out_header[static STREAM_HEADER_LEN], struct stream_sealer **out)
{
	uint8_t salt[STREAM_SALT_LEN], prefix[STREAM_PREFIX_LEN];
	TRY(rng_bytes(salt, sizeof salt));
	TRY(rng_bytes(prefix, sizeof prefix));
	return stream_sealer_new_with(key, key_id, key_version, context, segment_bits, salt, prefix, out_header, out);
}

void stream_sealer_free(struct stream_sealer *s)
{
	if (s != NULL && release(&s->at)) arena_free(s);
}

size_t stream_sealer_segment_size(const struct stream_sealer *s)
{
	return s->at.segment_size;
}

enum coffer_err stream_sealer_take(struct stream_sealer *s, size_t plain_len, bool last, struct stream_ticket *out)
{
	return take(&s->at, plain_len, last, ERR_FIELD, ERR_FIELD, out);
}

enum coffer_err stream_seal_taken(struct stream_sealer *s, const struct stream_ticket *ticket, struct view pt, uint8_t *out)
{
	struct aead_key *lane;
	PRE(pt.len == ticket->plain_len);
	TRY(borrow_lane(&s->at, &lane));
	enum coffer_err err = stream_core_seal(lane, s->at.prefix, ticket->number, ticket->last, pt, out);
	return_lane(&s->at, lane);
	return err;
}

enum coffer_err stream_seal_segment(struct stream_sealer *s, struct view pt, bool last, uint8_t *out)
{
	struct stream_ticket ticket;
	TRY(stream_sealer_take(s, pt.len, last, &ticket));
	enum coffer_err err = stream_seal_taken(s, &ticket, pt, out);
	if (err != ERR_OK) stream_sealer_end(s);
	return err;
}

void stream_sealer_end(struct stream_sealer *s)
{
	s->at.dead = true;
}

bool stream_sealer_ended(const struct stream_sealer *s)
{
	return s->at.dead;
}

struct stream_sealer *stream_sealer_ref(struct stream_sealer *s)
{
	atomic_fetch_add(&s->at.references, 1);
	return s;
}

enum coffer_err stream_opener_new(const uint8_t key[static STREAM_KEY_LEN], struct view header, struct view context,
	struct stream_opener **out)
{
	struct stream_header h;
	uint8_t commitment[STREAM_COMMITMENT_LEN];
	TRY(stream_header_parse(header, &h));
	AUTO(auto_stream_opener_free) struct stream_opener *o = arena_alloc(sizeof *o);
	ENSURE(o != NULL, ERR_MEMORY);
	atomic_init(&o->at.references, 1);
	o->at.segment_size = (size_t)1 << h.segment_bits;
	memcpy(o->at.prefix, h.prefix, STREAM_PREFIX_LEN);
	TRY(derive(key, header.ptr, h.salt, context, &o->at, commitment));
	ENSURE(ct_equal(commitment, h.commitment, STREAM_COMMITMENT_LEN), ERR_CONTEXT);
	*out = TAKE(o);
	return ERR_OK;
}

void stream_opener_free(struct stream_opener *o)
{
	if (o != NULL && release(&o->at)) arena_free(o);
}

size_t stream_opener_segment_size(const struct stream_opener *o)
{
	return o->at.segment_size;
}

bool stream_opener_complete(const struct stream_opener *o)
{
	return o->at.complete;
}

enum coffer_err stream_opener_take(struct stream_opener *o, size_t plain_len, bool last, struct stream_ticket *out)
{
	return take(&o->at, plain_len, last, ERR_TRUNCATED, ERR_TOO_LARGE, out);
}

enum coffer_err stream_open_taken(struct stream_opener *o, const struct stream_ticket *ticket, struct view shared_ct,
	uint8_t *scratch)
{
	struct aead_key *lane;
	PRE(shared_ct.len == ticket->plain_len + STREAM_TAG_LEN);
	TRY(borrow_lane(&o->at, &lane));
	enum coffer_err err = stream_core_open_shared(lane, o->at.prefix, ticket->number, ticket->last, shared_ct, scratch);
	return_lane(&o->at, lane);
	return err;
}

enum coffer_err stream_open_segment(struct stream_opener *o, struct view ct, bool last, uint8_t *out)
{
	struct stream_ticket ticket;
	struct aead_key *lane;
	TRY(stream_opener_take(o, ct.len >= STREAM_TAG_LEN ? ct.len - STREAM_TAG_LEN : 0, last, &ticket));
	enum coffer_err err = borrow_lane(&o->at, &lane);
	if (err == ERR_OK) {
		err = stream_core_open(lane, o->at.prefix, ticket.number, last, ct, out);
		return_lane(&o->at, lane);
	}
	if (err != ERR_OK) stream_opener_end(o);
	return err;
}

void stream_opener_end(struct stream_opener *o)
{
	o->at.dead = true;
	o->at.complete = false;
}

bool stream_opener_ended(const struct stream_opener *o)
{
	return o->at.dead;
}

struct stream_opener *stream_opener_ref(struct stream_opener *o)
{
	atomic_fetch_add(&o->at.references, 1);
	return o;
}

void stream_sealer_skip_to(struct stream_sealer *s, uint64_t number, uint64_t plain_len)
{
	s->at.number = number;
	s->at.plain_len = plain_len;
}

void stream_opener_skip_to(struct stream_opener *o, uint64_t number, uint64_t plain_len)
{
	o->at.number = number;
	o->at.plain_len = plain_len;
}
