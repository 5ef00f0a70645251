/* Later generations: from the master server to a member, under the generation before. */
#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "domain/answer_internal.h"
#include "keyring/label.h"

#define FORMAT 1u
#define INFO_MAX 256u

static enum coffer_err wrap_info(const struct domain_id *domain, const uint8_t node_id[static UUID_LEN], const struct answer_wrap *wrap, struct writer *w)
{
	label_write(w, "refresh-wrap");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_bytes(w, view_of(node_id, UUID_LEN));
	writer_u32(w, wrap->generation);
	writer_bytes(w, view_of(wrap->signature, sizeof wrap->signature));
	return writer_done(w);
}

/* By whoever has the generation before this one. */
static enum coffer_err chain_mac(struct ring *ring, const uint8_t node_id[static UUID_LEN], uint32_t generation, struct view body, uint8_t out[static 32])
{
	uint8_t fixed[2 * UUID_LEN + 8];
	struct writer w;
	const struct secret *key;
	TRY(ring_subkey(ring, generation - 1, SUBKEY_NODE_RECORD, &key));
	writer_init(&w, fixed, sizeof fixed);
	writer_bytes(&w, view_of(ring_domain(ring)->id, UUID_LEN));
	writer_bytes(&w, view_of(node_id, UUID_LEN));
	writer_u32(&w, generation - 1);
	writer_u32(&w, generation);
	TRY(writer_done(&w));
	return answer_mac(key, "refresh-mac", writer_view(&w), body, out);
}

enum coffer_err refresh_make(struct ring *ring, const struct secret *domain_seed, const uint8_t node_id[static UUID_LEN],
	const uint8_t transport_key[static HPKE_PUBLIC_LEN], uint32_t generation, uint64_t epoch, struct buf *out)
{
	struct answer_wrap wrap;
	uint8_t info[INFO_MAX], body[REFRESH_LEN], mac[32];
	struct writer w, info_writer;
	ENSURE(generation >= 2, ERR_NOT_FOUND);
	TRY(answer_wrap_name(ring, domain_seed, generation, &wrap));
	writer_init(&info_writer, info, sizeof info);
	TRY(wrap_info(ring_domain(ring), node_id, &wrap, &info_writer));
	TRY(answer_wrap_seal(ring, transport_key, writer_view(&info_writer), &wrap));
	writer_init(&w, body, sizeof body);
	writer_u8(&w, FORMAT);
	writer_bytes(&w, view_of(wrap.key_check, sizeof wrap.key_check));
	writer_bytes(&w, view_of(wrap.signature, sizeof wrap.signature));
	writer_bytes(&w, view_of(wrap.enc, sizeof wrap.enc));
	writer_bytes(&w, view_of(wrap.ct, sizeof wrap.ct));
	writer_u64(&w, epoch);
	TRY(writer_done(&w));
	TRY(chain_mac(ring, node_id, generation, writer_view(&w), mac));
	writer_bytes(&w, view_of(mac, sizeof mac));
	TRY(writer_done(&w));
	return buf_append(out, writer_view(&w));
}

static enum coffer_err parse(struct view body, struct answer_wrap *wrap, uint64_t *out_epoch, uint8_t mac[static 32])
{
	struct reader r;
	uint8_t format;
	reader_init(&r, body);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, wrap->key_check, sizeof wrap->key_check));
	TRY(reader_bytes(&r, wrap->signature, sizeof wrap->signature));
	TRY(reader_bytes(&r, wrap->enc, sizeof wrap->enc));
	TRY(reader_bytes(&r, wrap->ct, sizeof wrap->ct));
	TRY(reader_u64(&r, out_epoch));
	TRY(reader_bytes(&r, mac, 32));
	return reader_end(&r);
}

static enum coffer_err check_row(struct ring *ring, struct view body, struct answer_wrap *wrap, uint64_t *out_epoch, struct reason *reason)
{
	uint8_t expected[32], found[32];
	enum coffer_err err = parse(body, wrap, out_epoch, found);
	if (err == ERR_VERSION)
		return reason_fail(reason, err, "the row that hands over generation %u has a format that this version does not know; install a newer Coffer", wrap->generation);
	if (err) return reason_fail(reason, ERR_CORRUPT, "the row that hands over generation %u is damaged; the master server writes it again", wrap->generation);
	TRY(chain_mac(ring, ring_domain(ring)->node_id, wrap->generation, view_of(body.ptr, body.len - sizeof found), expected));
	if (ct_equal(expected, found, sizeof found)) return ERR_OK;
	return reason_fail(reason, ERR_CONTEXT, "generation %u was not handed over by who has the generation before it; it is not taken: tell an administrator", wrap->generation);
}

enum coffer_err refresh_open(struct ring *ring, uint32_t generation, const struct answer_key *key, struct view body, struct refresh_opened *out,
	struct reason *reason)
{
	struct answer_wrap wrap = { .generation = generation };
	struct refresh_opened opened = { .key = NULL };
	uint8_t info[INFO_MAX];
	struct writer w;
	PRE(ring_count(ring) >= 1);
	if (generation != ring_newest(ring) + 1)
		return reason_fail(reason, ERR_STATE, "generation %u is not the one behind this node's newest, %u; it is taken in order or not at all", generation, ring_newest(ring));
	TRY(check_row(ring, body, &wrap, &opened.epoch, reason));
	writer_init(&w, info, sizeof info);
	TRY(wrap_info(ring_domain(ring), ring_domain(ring)->node_id, &wrap, &w));
	TRY(answer_wrap_open(ring_domain(ring), key, writer_view(&w), &wrap, &opened.key, reason));
	memcpy(opened.signature, wrap.signature, sizeof wrap.signature);
	*out = opened;
	return ERR_OK;
}
