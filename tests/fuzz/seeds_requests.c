/* Seeds of requests and answers: messages of the grammar that succeed in the world, and what the dispatcher says to them. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "fuzz/world.h"
#include "kmip/enums.h"
#include "kmip/names.h"
#include "kmip/tags.h"
#include "kmip/message.h"

#define TRIES 3000u

static struct tree t;
static uint8_t frame[SEED_MAX];

static struct view make(uint64_t seed, enum world_operations which, uint32_t operation, int minor, bool plain)
{
	struct dice d = { seed };
	tree_clear(&t);
	grammar_request(&t, &d, world_known(world_get(), which), &(struct grammar_wish){ operation, 1, minor, plain });
	return view_of(frame, tree_write(&t, frame, sizeof frame));
}

static uint64_t successes(void)
{
	uint64_t ok, failed;
	world_counts(world_get(), &ok, &failed);
	return ok;
}

/* The first message from the seed on that succeeds and is short; the last one tried when none does. */
static struct view find(uint64_t seed, enum world_operations which, uint32_t operation, int minor)
{
	struct view made = { NULL, 0 };
	for (uint64_t i = 0; i < TRIES; i++) {
		made = make(seed + i, which, operation, minor, true);
		uint64_t before = successes();
		world_send(world_get(), WORLD_ADMIN, made);
		bool ok = successes() > before;
		world_reset(world_get());
		if (ok && made.len < 700) break;
	}
	return made;
}

static void put(struct buf *b, struct view bytes)
{
	REQUIRE(buf_append(b, bytes) == ERR_OK);
}

/* Two messages that succeed, in two versions, and one with every header field. */
static void seed_operation(enum world_operations which, const struct op_row *row)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	char name[64];
	uint64_t seed = (uint64_t)row->operation << 20;
	put(&b, view_of("\0", 1));
	put(&b, find(seed, which, row->operation, 4));
	put(&b, find(seed + TRIES, which, row->operation, row->since_minor));
	put(&b, make(seed, which, row->operation, 4, false));
	snprintf(name, sizeof name, "%s", kmip_operation_name(row->operation));
	seed_write(which == WORLD_KMIP ? "kmip" : "vendor", name, buf_view(&b));
}

static void seed_operations(void)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++) seed_operation(rows[i].operation < 0x80000000u ? WORLD_KMIP : WORLD_VENDOR, &rows[i]);
}

/* What the table does not have, and a batch for each way to go on after a failure. */
static void seed_batches(void)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	char name[32];
	put(&b, view_of("\0", 1));
	for (uint32_t operation = 1; operation <= OPERATION_EXPORT; operation++)
		if (!dispatch_find(operation) && b.len < 3000) put(&b, make(operation, WORLD_KMIP, operation, 4, true));
	seed_write("kmip", "not-served", buf_view(&b));
	for (uint32_t option = 1; option <= 3; option++) {
		struct dice d = { option };
		tree_clear(&t);
		grammar_request(&t, &d, world_known(world_get(), WORLD_KMIP), &(struct grammar_wish){ .count = 3, .minor = 4, .plain = true });
		uint16_t header = t.nodes[t.nodes[0].first].first;
		uint16_t batch_count = t.nodes[header].last;
		t.nodes[t.nodes[header].first].next = 0; /* the option stands before the count */
		t.nodes[header].last = t.nodes[header].first;
		tree_u32(&t, header, TAG_BATCH_ERROR_CONTINUATION_OPTION, TTLV_ENUMERATION, option);
		tree_u32(&t, header, TAG_BATCH_COUNT, TTLV_INTEGER, 3);
		t.nodes[batch_count].parent = 0;
		buf_clear(&b);
		put(&b, view_of("\0", 1));
		put(&b, view_of(frame, tree_write(&t, frame, sizeof frame)));
		snprintf(name, sizeof name, "batch-%u", (unsigned)option);
		seed_write("kmip", name, buf_view(&b));
	}
}

/* A stream that is sealed and one that is opened, its segment in a message or in a ring. */
static void put_stream(struct buf *b, uint32_t operation, bool ring, const struct grammar_known *known)
{
	bool seal = operation == OPERATION_COFFER_SEAL_STREAM;
	for (int step = 0; step < (ring ? 3 : 2); step++) {
		struct dice d = { 1 };
		bool map = ring && step == 1, next = step == (ring ? 2 : 1);
		tree_clear(&t);
		grammar_request(&t, &d, known, &(struct grammar_wish){ map ? (uint32_t)OPERATION_COFFER_MAP_RING : operation, 1, 4, true });
		uint16_t item = t.nodes[t.nodes[0].first].last, payload = t.nodes[item].last;
		t.nodes[payload].first = t.nodes[payload].last = 0;
		if (step == 0 && seal) tree_text(&t, payload, TAG_COFFER_KEY_NAME, "active");
		if (step == 0 && !seal) tree_leaf(&t, payload, TAG_COFFER_STREAM_HEADER, TTLV_BYTES, known->headers[0]);
		if (map) {
			tree_u32(&t, payload, TAG_COFFER_RING_SLOT_SIZE, TTLV_INTEGER, 65536);
			tree_u32(&t, payload, TAG_COFFER_RING_SLOTS, TTLV_INTEGER, 2);
		}
		if (next) tree_u32(&t, payload, TAG_COFFER_STREAM_HANDLE, TTLV_INTEGER, 1);
		if (next && ring) {
			tree_u32(&t, payload, TAG_COFFER_RING_SLOT, TTLV_INTEGER, 1);
			tree_u32(&t, payload, TAG_COFFER_SEGMENT_LENGTH, TTLV_INTEGER, 21);
		}
		if (next && !ring)
			tree_leaf(&t, payload, TAG_COFFER_SEGMENT, TTLV_BYTES, seal ? view_str("plain") : known->segments[0]);
		if (next) tree_u64(&t, payload, TAG_COFFER_LAST_SEGMENT, TTLV_BOOLEAN, 1);
		put(b, view_of(frame, tree_write(&t, frame, sizeof frame)));
	}
}

static void seed_streams(void)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	const struct grammar_known *known = world_known(world_get(), WORLD_VENDOR);
	put(&b, view_of("\0", 1));
	put_stream(&b, OPERATION_COFFER_SEAL_STREAM, false, known);
	seed_write("vendor", "a-stream-sealed", buf_view(&b));
	buf_clear(&b);
	put(&b, view_of("\0", 1));
	put_stream(&b, OPERATION_COFFER_OPEN_STREAM, false, known);
	seed_write("vendor", "a-stream-opened", buf_view(&b));
	buf_clear(&b);
	put(&b, view_of("\0", 1));
	put_stream(&b, OPERATION_COFFER_SEAL_STREAM, true, known);
	seed_write("vendor", "a-segment-sealed-in-a-ring", buf_view(&b));
	buf_clear(&b);
	put(&b, view_of("\0", 1));
	put_stream(&b, OPERATION_COFFER_OPEN_STREAM, true, known);
	seed_write("vendor", "a-segment-not-opened-in-a-ring", buf_view(&b));
}

/* The states that an engine can be in, and the users that there are: one short message each. */
static void seed_states(void)
{
	for (uint8_t i = 4; i < 8; i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		char name[32];
		uint8_t first = (uint8_t)(i << 3 | i);
		put(&b, view_of(&first, 1));
		put(&b, find(1, WORLD_VENDOR, OPERATION_COFFER_STATUS, 4));
		put(&b, make(i, WORLD_VENDOR, OPERATION_COFFER_INIT, 4, true));
		snprintf(name, sizeof name, "state-%u", i);
		seed_write("vendor", name, buf_view(&b));
	}
}

/* ---- attributes ---- */

static void seed_attributes(void)
{
	static const struct { uint32_t operation, tag; const char *name; unsigned count; } wanted[] = {
		{ OPERATION_CREATE, TAG_TEMPLATE_ATTRIBUTE, "template", 8 }, { OPERATION_ADD_ATTRIBUTE, TAG_ATTRIBUTE, "attribute", 14 },
		{ OPERATION_REGISTER, TAG_KEY_BLOCK, "key-block", 6 }, { OPERATION_ENCRYPT, TAG_CRYPTOGRAPHIC_PARAMETERS, "parameters", 3 },
		{ OPERATION_REVOKE, TAG_REVOCATION_REASON, "revocation", 1 }, { OPERATION_GET, TAG_KEY_WRAPPING_SPECIFICATION, "specification", 2 },
		{ OPERATION_REGISTER, TAG_KEY_WRAPPING_DATA, "wrapping", 2 },
	};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		unsigned found = 0;
		for (uint64_t seed = 0; found < wanted[i].count && seed < TRIES; seed++) {
			char name[48];
			struct dice d = { seed };
			tree_clear(&t);
			grammar_payload(&t, 0, &d, world_known(world_get(), WORLD_KMIP), wanted[i].operation);
			uint32_t at = 1;
			while (at < t.count && t.nodes[at].tag != wanted[i].tag) at++;
			if (at == t.count) continue;
			t.nodes[0].first = (uint16_t)at; /* this one alone */
			t.nodes[at].next = 0;
			snprintf(name, sizeof name, "%s-%u", wanted[i].name, found++);
			seed_write("attributes", name, view_of(frame, tree_write(&t, frame, sizeof frame)));
		}
	}
}

/* ---- answers ---- */

static void keep_answer(void *arg, struct view answer)
{
	struct buf *b = arg;
	put(b, answer);
}

static void seed_answers(void)
{
	static const struct { uint8_t call; const char *name; uint32_t operations[3]; } calls[] = {
		{ 0, "create", { OPERATION_CREATE } }, { 1, "key-info", { OPERATION_LOCATE, OPERATION_GET_ATTRIBUTES } },
		{ 2, "key-list", { OPERATION_LOCATE, OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTES } },
		{ 3, "rotate", { OPERATION_LOCATE, OPERATION_RE_KEY } }, { 4, "destroy", { OPERATION_LOCATE, OPERATION_DESTROY } },
		{ 5, "encrypt", { OPERATION_COFFER_SEAL } }, { 6, "decrypt", { OPERATION_COFFER_OPEN } }, { 7, "random", { OPERATION_RNG_RETRIEVE } },
		{ 8, "status", { OPERATION_COFFER_STATUS } }, { 9, "seal-stream", { OPERATION_COFFER_SEAL_STREAM, OPERATION_COFFER_SEAL_STREAM } },
		{ 10, "open-stream", { OPERATION_COFFER_OPEN_STREAM, OPERATION_COFFER_OPEN_STREAM } }, { 12, "grants", { OPERATION_COFFER_LIST_GRANTS } },
		{ 13, "audit", { OPERATION_COFFER_AUDIT_SHOW } }, { 14, "verify", { OPERATION_COFFER_AUDIT_VERIFY } },
		{ 16, "refused", { OPERATION_COFFER_TOKEN_TEST } }, { 15, "provision", { OPERATION_COFFER_TOKEN_PROVISION } },
	};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		put(&b, view_of(&calls[i].call, 1));
		for (size_t k = 0; k < 3 && calls[i].operations[k]; k++) {
			struct view made = find(k, WORLD_ALL, calls[i].operations[k], 4);
			world_on_answer(world_get(), keep_answer, &b);
			world_send(world_get(), WORLD_ADMIN, made);
			world_on_answer(world_get(), NULL, NULL);
			world_reset(world_get());
		}
		seed_write("response", calls[i].name, buf_view(&b));
	}
}

/* One answer of a good operation with two fields that are numbers, and the stream's header where there is one. */
static void put_numbers(struct buf *b, uint32_t operation, struct view header, const uint32_t tags[2], const int32_t values[2])
{
	static uint8_t bytes[1024];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	struct view none = view_of(NULL, 0);
	struct kmip_response_mark mark = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, none, none);
	struct kmip_item_mark item = kmip_item_begin(&w, &(struct kmip_item_id){ .operation = operation });
	for (size_t i = 0; i < 2; i++) ttlv_put_i32(&w, tags[i], values[i]);
	if (header.len) ttlv_put_bytes(&w, TAG_COFFER_STREAM_HEADER, header);
	kmip_item_end(&w, item);
	kmip_response_end(&w, mark, 1);
	put(b, writer_view(&w));
}

/* A stream whose segment passes through a ring: fuzz_response sends the memory along. */
static void seed_ring(void)
{
	static const uint8_t header[99] = "CFRS";
	static const struct { uint8_t call; const char *name; uint32_t operation; int32_t len; } ways[] = {
		{ 0x8e, "seal-stream-ring", OPERATION_COFFER_SEAL_STREAM, 99 + 16 }, { 0x8f, "open-stream-ring", OPERATION_COFFER_OPEN_STREAM, 99 - 16 },
	};
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		put(&b, view_of(&ways[i].call, 1));
		put_numbers(&b, ways[i].operation, view_of(header, sizeof header), (const uint32_t[]){ TAG_COFFER_STREAM_HANDLE, TAG_COFFER_SEGMENT_SIZE },
			(const int32_t[]){ 1, 65536 });
		put_numbers(&b, OPERATION_COFFER_MAP_RING, view_of(NULL, 0), (const uint32_t[]){ TAG_COFFER_RING_SLOT_SIZE, TAG_COFFER_RING_SLOTS },
			(const int32_t[]){ 65536 + 4096, 10 });
		put_numbers(&b, ways[i].operation, view_of(NULL, 0), (const uint32_t[]){ TAG_COFFER_RING_SLOT, TAG_COFFER_SEGMENT_LENGTH },
			(const int32_t[]){ 0, ways[i].len });
		seed_write("response", ways[i].name, buf_view(&b));
	}
}

/* Item number i of a batch, or alone. */
static void put_ahead(struct writer *w, uint32_t operation, uint8_t i, bool named, bool refused)
{
	static const uint8_t bytes[80] = { 1 };
	struct kmip_item_id id = { .operation = operation, .has_unique_id = named, .unique_id = view_of(&i, 1) };
	if (refused) {
		kmip_item_fail(w, &id, ERR_NOT_FOUND, "there is no such key", true);
		return;
	}
	struct kmip_item_mark item = kmip_item_begin(w, &id);
	if (operation == OPERATION_CREATE) ttlv_put_enum(w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "01234567-89ab-4def-8123-456789abcdef");
	if (operation == OPERATION_COFFER_OPEN) ttlv_put_bytes(w, TAG_COFFER_PLAINTEXT, view_of(bytes, 12));
	else if (operation != OPERATION_CREATE) ttlv_put_bytes(w, TAG_COFFER_SEALED_DATA, view_of(bytes, sizeof bytes));
	kmip_item_end(w, item);
}

struct seed_way { uint8_t call; const char *name; unsigned rounds, count; uint32_t operations[5]; bool batch; };

/* The operations of one round, answered in one message or in one each. The last one of the last round is refused. */
static void put_round(struct writer *w, const struct seed_way *way, unsigned round)
{
	struct view none = view_of(NULL, 0);
	for (unsigned i = 0; i < way->count; i++) {
		struct kmip_response_mark mark = kmip_response_begin(w, KMIP_VERSION_HIGHEST, 1700000000 + round, none, none);
		unsigned last = way->batch ? way->count - 1 : i;
		for (unsigned k = i; k <= last; k++)
			put_ahead(w, way->operations[k], (uint8_t)k, way->batch, k + 1 == way->count && round + 1 == way->rounds);
		kmip_response_end(w, mark, last - i + 1);
		i = last;
	}
}

/* Answers that are alike: to what was sent ahead, in batches and in messages of their own; one at a time; and to three keys. */
static void seed_ahead(void)
{
	static const struct seed_way ways[] = {
		{ 0x42, "ahead-batch", 3, 5, { OPERATION_COFFER_SEAL, OPERATION_COFFER_OPEN, OPERATION_COFFER_REWRAP, OPERATION_COFFER_SEAL, OPERATION_COFFER_SEAL }, true },
		{ 0x40, "ahead-alone", 3, 5, { OPERATION_COFFER_SEAL, OPERATION_COFFER_OPEN, OPERATION_COFFER_REWRAP, OPERATION_COFFER_SEAL, OPERATION_COFFER_SEAL }, false },
		{ 0x05, "encrypt-alike", 3, 1, { OPERATION_COFFER_SEAL }, false },
		{ 0x06, "decrypt-alike", 3, 1, { OPERATION_COFFER_OPEN }, false },
		{ 0x41, "create-many", 1, 3, { OPERATION_CREATE, OPERATION_CREATE, OPERATION_CREATE }, true },
	};
	for (size_t n = 0; n < sizeof ways / sizeof ways[0]; n++) {
		static uint8_t bytes[8192];
		struct writer w;
		writer_init(&w, bytes, sizeof bytes);
		writer_u8(&w, ways[n].call);
		for (unsigned round = 0; round < ways[n].rounds; round++) put_round(&w, &ways[n], round);
		seed_write("response", ways[n].name, writer_view(&w));
	}
}

void seeds_requests(void)
{
	seed_ahead();
	seed_ring();
	seed_operations();
	seed_batches();
	seed_streams();
	seed_states();
	seed_attributes();
	seed_answers();
}
