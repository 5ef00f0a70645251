/* Answers that are alike. */
#include "ops/again.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ct.h"
#include "crypto/envelope.h"
#include "kmip/alike.h"
#include "kmip/tags.h"
#include "objects/dates.h"
#include "ops/bulk.h"
#include "ops/dispatch.h"
#include "ops/kmip_usage.h"
#include "ops/seat.h"

#define ITEMS_MAX KMIP_ALIKE_ITEMS_MAX
#define HOLES_MAX (3u * ITEMS_MAX) /* data, IV and tag of each */
#define FIXED_MAX 4096u            /* bytes of an answer around its holes */
#define TIME_AT (4 * TTLV_HEADER_LEN + 32u) /* of the time stamp's value: behind the headers of message and header, and the Protocol Version */

struct item {
	struct again_parts parts;           /* its views are only good while it is gathered */
	const struct op_row *row;
	uint64_t serial;                    /* of what was in the key's place */
	struct kmip_place in, iv, aad, tag; /* in the frame */
};

struct again {
	uint64_t of;          /* kmip_alike's number of the message that this is about; 0: none */
	bool kept;            /* all below holds */
	bool of_no_use;       /* nothing that could be kept */
	size_t count, taken;  /* items */
	struct item items[ITEMS_MAX];
	uint64_t answered;
	size_t answer_len;
	struct kmip_place holes[HOLES_MAX]; /* of the answer, in order */
	size_t hole_count;
	uint8_t fixed[FIXED_MAX];           /* between them */
};

void again_free(struct again *a)
{
	free(a);
}

/* What belongs to messages like r, which has a kmip_alike; NULL: nothing does yet. */
static struct again *of(struct op_local *local, const struct request *r)
{
	return *op_local_again(local, r->lent_alike->place);
}

bool again_begin(struct op_local *local, const struct request *r)
{
	const struct kmip_alike *alike = r->parsed == r->lent_parsed ? r->lent_alike : NULL;
	if (!alike || alike->repeats == 0 || r->parsed->header.client_correlation.len) return false; /* such an answer has a name of its own each time */
	struct again **place = op_local_again(local, alike->place);
	if (!*place) *place = calloc(1, sizeof **place);
	struct again *a = *place;
	if (!a || a->of == alike->number) return false;
	a->of = 0;
	a->kept = a->of_no_use = false;
	a->count = a->taken = 0;
	return true;
}

struct again_parts *again_next(struct op_local *local, const struct request *r)
{
	struct again *a = of(local, r);
	if (a->count == ITEMS_MAX) return NULL;
	struct again_parts *parts = &a->items[a->count++].parts;
	parts->kind = AGAIN_NOT;
	return parts;
}

void again_took(struct op_local *local, const struct request *r, const struct op_row *row, bool stays)
{
	struct again *a = of(local, r);
	struct kmip_usage_limits limits;
	struct item *item = &a->items[a->taken];
	const struct op_key *key = item->parts.key;
	a->of_no_use = a->of_no_use || !stays || item->parts.kind == AGAIN_NOT || kmip_usage_limits(key->object, &limits);
	if (a->of_no_use || a->taken + 1 != a->count) return;
	item->row = row;
	item->serial = key->serial;
	a->taken++;
}

/* ---- what is kept ---- */

static struct kmip_place place_of(struct view frame, struct view part)
{
	return part.len ? (struct kmip_place){ (size_t)(part.ptr - frame.ptr), part.len } : (struct kmip_place){ 0, 0 };
}

/* How many Byte Strings of the frame an item takes. */
static size_t place_inputs(struct item *item, struct view frame)
{
	const struct again_parts *p = &item->parts;
	item->in = place_of(frame, p->in);
	item->iv = place_of(frame, p->iv);
	item->aad = place_of(frame, p->aad);
	item->tag = place_of(frame, p->tag);
	return (size_t)(p->in.len > 0) + (p->iv.len > 0) + (p->aad.len > 0) + (p->tag.len > 0);
}

static void add_hole(struct again *a, size_t at, size_t len)
{
	if (len) a->holes[a->hole_count++] = (struct kmip_place){ at, len };
}

static void add_holes(struct again *a, const struct again_parts *p)
{
	add_hole(a, p->out, p->out_len);
	if (p->kind != AGAIN_ENCRYPT) return;
	add_hole(a, p->out_iv, AEAD_NONCE_LEN);
	add_hole(a, p->out_tag, AEAD_TAG_LEN);
}

/* False: it is longer, or not in this order. */
static bool keep_fixed(struct again *a, struct view answer)
{
	size_t at = 0, len = 0;
	for (size_t i = 0; i <= a->hole_count; i++) {
		size_t end = i < a->hole_count ? a->holes[i].at : answer.len;
		if (end < at || end > answer.len || end - at > FIXED_MAX - len) return false;
		memcpy(a->fixed + len, answer.ptr + at, end - at);
		len += end - at;
		if (i < a->hole_count) at = end + a->holes[i].len;
	}
	return true;
}

static bool has_time(struct view answer)
{
	static const uint8_t header[TTLV_HEADER_LEN] = { TAG_TIME_STAMP >> 16, TAG_TIME_STAMP >> 8 & 0xff, TAG_TIME_STAMP & 0xff, TTLV_DATE_TIME, 0, 0, 0, 8 };
	return answer.len >= TIME_AT + 8 && memcmp(answer.ptr + TIME_AT - TTLV_HEADER_LEN, header, sizeof header) == 0;
}

/* False: other Byte Strings stand in the message, which means more than is known here; or its answer is not as it should be. */
static bool keep(struct again *a, const struct request *r)
{
	struct view frame = r->frame.len ? buf_view(&r->frame) : r->lent_frame, answer = request_answer(r);
	size_t inputs = 0;
	a->hole_count = 0;
	for (size_t i = 0; i < a->count; i++) {
		inputs += place_inputs(&a->items[i], frame);
		add_holes(a, &a->items[i].parts);
	}
	a->answer_len = answer.len;
	return inputs == r->lent_alike->hole_count && has_time(answer) && keep_fixed(a, answer);
}

void again_end(struct op_local *local, const struct request *r)
{
	struct again *a = of(local, r);
	if (!a->of_no_use && a->taken != r->parsed->count) return; /* one was refused: the next may not be */
	a->kept = !a->of_no_use && keep(a, r);
	a->of = r->lent_alike->number;
}

/* ---- the next one ---- */

/* The objects are the snapshots that they were. */
static bool same_keys(const struct again *a)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct op_key *key = a->items[i].parts.key;
		if (key->serial != a->items[i].serial || key->object->stale) return false;
	}
	return true;
}

/* All else that may have changed since, but what is spent. */
static bool may_go_on(const struct again *a, const struct request *r, struct op_local *local)
{
	struct engine *e = r->engine;
	struct reason ignored UNSET;
	bool seals = false;
	if (engine_state_get(e) != ENGINE_OPEN || e->config->audit_bulk == CONFIG_BULK_FULL || a->answer_len > e->config->max_message) return false;
	const struct grants *grants = op_local_grants(local, e);
	uint64_t now_s = clock_date_s();
	for (size_t i = 0; i < a->count; i++) {
		const struct item *item = &a->items[i];
		const struct object *o = item->parts.key->object;
		enum object_use use = item->parts.kind == AGAIN_ENCRYPT || item->parts.kind == AGAIN_SEAL ? OBJECT_USE_PROTECT : OBJECT_USE_PROCESS;
		if (dates_check_use(o, use, now_s, "", NULL) != ERR_OK) return false;
		if (policy_check(grants, r->principal, item->row->permission, o, &ignored) != ERR_OK) return false;
		seals = seals || use == OBJECT_USE_PROTECT;
	}
	return !seals || seat_ask_sealing(e, &ignored) == ERR_OK;
}

static struct view view_at(struct view frame, struct kmip_place place)
{
	return place.len ? view_of(frame.ptr + place.at, place.len) : view_of(NULL, 0);
}

/* Every GCM invocation counts, also one whose answer does not go out. */
static enum coffer_err encrypt(const struct item *item, struct op_local *local, struct view frame, uint8_t *answer)
{
	uint8_t *iv = answer + item->parts.out_iv;
	const struct view aad = view_at(frame, item->aad);
	if (!op_key_spend(item->parts.key)) return ERR_NOT_CACHED;
	TRY(rng_pool_bytes(op_local_rng(local), iv, AEAD_NONCE_LEN));
	return aead_seal(item->parts.key->gcm, iv, &aad, 1, view_at(frame, item->in), answer + item->parts.out, answer + item->parts.out_tag);
}

static enum coffer_err decrypt(const struct item *item, struct view frame, uint8_t *answer)
{
	const struct view aad = view_at(frame, item->aad);
	return aead_open(item->parts.key->gcm, frame.ptr + item->iv.at, &aad, 1, view_at(frame, item->in), frame.ptr + item->tag.at, answer + item->parts.out);
}

static enum coffer_err seal(const struct item *item, struct op_local *local, struct view frame, uint8_t *answer)
{
	const struct object *o = item->parts.key->object;
	return envelope_seal(item->parts.key->message, op_local_rng(local), ENVELOPE_MESSAGE, o->id, o->key_version, view_of(item->parts.context, item->parts.context_len),
		view_at(frame, item->in), answer + item->parts.out);
}

/* The message itself names its key, so it may be about another one. */
static enum coffer_err open_sealed(const struct item *item, struct view frame, uint8_t *answer)
{
	const struct object *o = item->parts.key->object;
	struct envelope_header header;
	struct view sealed = view_at(frame, item->in);
	TRY(envelope_parse_header(sealed, &header));
	ENSURE(header.kind == ENVELOPE_MESSAGE && header.key_version == o->key_version && memcmp(header.key_id, o->id, UUID_LEN) == 0, ERR_NOT_CACHED);
	return envelope_open(item->parts.key->message, ENVELOPE_MESSAGE, sealed, view_of(item->parts.context, item->parts.context_len), answer + item->parts.out);
}

static enum coffer_err run_item(const struct item *item, struct op_local *local, struct view frame, uint8_t *answer)
{
	switch (item->parts.kind) {
	case AGAIN_ENCRYPT: return encrypt(item, local, frame, answer);
	case AGAIN_DECRYPT: return decrypt(item, frame, answer);
	case AGAIN_SEAL: return seal(item, local, frame, answer);
	case AGAIN_OPEN: return open_sealed(item, frame, answer);
	case AGAIN_NOT: break;
	}
	return ERR_BUG;
}

static void put_time(uint8_t *to, uint64_t now_s)
{
	for (unsigned i = 0; i < 8; i++) to[i] = (uint8_t)(now_s >> (56 - 8 * i));
}

static void write_fixed(const struct again *a, uint8_t *answer)
{
	size_t at = 0;
	const uint8_t *from = a->fixed;
	for (size_t i = 0; i <= a->hole_count; i++) {
		size_t end = i < a->hole_count ? a->holes[i].at : a->answer_len;
		memcpy(answer + at, from, end - at);
		from += end - at;
		if (i < a->hole_count) at = end + a->holes[i].len;
	}
}

/* As ops/dispatch_audit.c counts what was carried out. */
static void count(const struct again *a, const struct request *r, struct op_local *local, uint64_t now_s)
{
	struct engine *e = r->engine;
	uint64_t sealed = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct item *item = &a->items[i];
		bool sealing = item->parts.kind == AGAIN_SEAL || item->parts.kind == AGAIN_OPEN;
		uint64_t bytes = item->parts.kind == AGAIN_OPEN ? item->parts.out_len : item->in.len;
		if (sealing) sealed += bytes;
		struct bulk_use use = { .id = item->parts.key->object->id, .principal = r->principal, .operation = item->row->operation, .kind = BULK_DONE, .bytes = bytes,
			.now_s = now_s };
		if (e->bulk) op_local_count(local, e->bulk, &use);
	}
	if (sealed) engine_count_bytes(e, op_local_place(local), sealed);
}

bool again_run(struct op_local *local, struct request *r)
{
	const struct kmip_alike *alike = r->lent_alike;
	struct again *a = alike ? of(local, r) : NULL;
	if (!a || r->parsed != r->lent_parsed || a->of != alike->number || !a->kept || alike->repeats == 0) return false;
	if (!same_keys(a)) {
		a->of = 0; /* and it is gathered anew */
		return false;
	}
	if (r->answer.cap - r->answer.len < a->answer_len || r->answer.len != r->answer_at || !may_go_on(a, r, local)) return false;
	uint8_t *answer = r->answer.ptr + r->answer.len;
	struct view frame = r->frame.len ? buf_view(&r->frame) : r->lent_frame;
	uint64_t now_s = clock_wall_s();
	write_fixed(a, answer);
	put_time(answer + TIME_AT, now_s);
	for (size_t i = 0; i < a->count; i++) {
		if (run_item(&a->items[i], local, frame, answer) == ERR_OK) continue;
		wipe(answer, a->answer_len);
		return false;
	}
	r->answer.len += a->answer_len;
	a->answered++;
	count(a, r, local, now_s);
	return true;
}

uint64_t again_answered(struct op_local *local)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < OP_LOCAL_AGAINS; i++) {
		const struct again *a = *op_local_again(local, i);
		if (a) sum += a->answered;
	}
	return sum;
}
