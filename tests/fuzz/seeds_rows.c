/* Seeds of rows: what the program itself would write, as fuzz_row takes it. */
#include <string.h>

#include "base/writer.h"
#include "crypto/sign.h"
#include "fuzz/rows.h"
#include "fuzz/seeds.h"
#include "keyring/generation.h"
#include "keyring/identity_format.h"
#include "keyring/record.h"
#include "keyring/slot.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "recovery/stanza.h"

/* ---- as fuzz_row has them ---- */

static struct domain_id domain;
static struct secret *seed;
static struct ring *ring;

static struct secret *filled(uint8_t fill)
{
	struct secret *s = secret_new(DATA_KEY_LEN);
	REQUIRE(s);
	memset(secret_mut(s), fill, DATA_KEY_LEN);
	return s;
}

static void make_domain(void)
{
	struct secret *key = filled(0x5a);
	seed = filled(0x33);
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain.id[i] = i;
		domain.node_id[i] = (uint8_t)(0x10 + i);
	}
	REQUIRE(sign_public_of(seed, domain.public_key) == ERR_OK);
	ring = ring_new(&domain);
	REQUIRE(ring && ring_add(ring, 1, &key) == ERR_OK);
}

static void put_row(struct writer *w, const struct store_row *row, struct view body)
{
	writer_u32(w, row->version);
	writer_u32(w, row->state);
	writer_u32(w, row->generation);
	writer_view_u16(w, view_of(row->id, row->id_len));
	writer_view_u16(w, row->header);
	writer_view_u16(w, row->index);
	writer_view_u16(w, body);
}

/* One file: what is chosen, then `copies` times the row. */
static void write_row(const char *name, uint8_t which, const struct store_row *row, struct view body, unsigned copies)
{
	uint8_t bytes[SEED_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u8(&w, which);
	for (unsigned i = 0; i < copies; i++) put_row(&w, row, body);
	REQUIRE(writer_done(&w) == ERR_OK);
	seed_write("row", name, writer_view(&w));
}

/* ---- objects ---- */

static void add_attributes(struct object *o)
{
	uint8_t bytes[256];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_link_put(&w, TAG_LINK, &(struct kmip_link){ LINK_TYPE_REPLACEMENT_OBJECT_LINK, view_str("c0ffee00-0000-4000-8000-000000000001") });
	bool ok = names_add(&o->attrs, view_str("a name")) == ERR_OK && names_add_group(&o->attrs, view_str("pay")) == ERR_OK;
	ok = ok && attrset_add(&o->attrs, ATTR_LINK, NULL, writer_view(&w)) == ERR_OK;
	writer_init(&w, bytes, sizeof bytes);
	ttlv_put_str(&w, TAG_ATTRIBUTE_VALUE, "mine");
	ok = ok && attrset_add(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-purpose", writer_view(&w)) == ERR_OK;
	ok = ok && attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, 1) == ERR_OK && attrset_set_bool(&o->attrs, ATTR_FRESH, true) == ERR_OK;
	REQUIRE(ok);
}

static void write_object(const char *name, struct object *o)
{
	AUTO_BUF struct buf header = BUF_EMPTY, index = BUF_EMPTY, body = BUF_EMPTY, plain = BUF_EMPTY;
	struct store_row row;
	o->record_version = 1;
	memset(o->id, 0x77, UUID_LEN);
	REQUIRE(object_to_row(ring, o, &row, &header, &index, &body) == ERR_OK && record_open(ring, STORE_OBJECT, &row, &plain) == ERR_OK);
	write_row(name, 1, &row, buf_view(&plain), 1);
}

static void seed_objects(void)
{
	static const struct { const char *name; enum object_state state; uint32_t type; bool key, more; } wishes[] = {
		{ "object-key", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, true, false },
		{ "object-destroyed", OBJECT_DESTROYED, OBJECT_TYPE_SYMMETRIC_KEY, false, false },
		{ "object-archived", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, true, true },
		{ "object-secret", OBJECT_PRE_ACTIVE, OBJECT_TYPE_SECRET_DATA, true, true },
	};
	for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
		AUTO_OBJECT struct object *o = object_new(wishes[i].type, "unix:1000");
		struct secret *key = filled(3);
		REQUIRE(o);
		o->state = wishes[i].state;
		o->algorithm = wishes[i].type == OBJECT_TYPE_SYMMETRIC_KEY ? CRYPTOGRAPHIC_ALGORITHM_AES : 0;
		o->length_bits = 256;
		o->usage_mask = 12;
		o->key_format = KEY_FORMAT_TYPE_RAW;
		o->archived = wishes[i].more;
		o->gcm_reserved = wishes[i].more ? 1024 : 0;
		o->data_type = wishes[i].type == OBJECT_TYPE_SECRET_DATA ? SECRET_DATA_TYPE_PASSWORD : 0;
		add_attributes(o);
		if (wishes[i].key) REQUIRE(object_set_material(o, domain.id, &key) == ERR_OK);
		secret_free(key);
		write_object(wishes[i].name, o);
	}
	struct store_row raw = { .version = 1, .state = 2, .generation = 1, .id_len = UUID_LEN, .header = view_of("\1", 1), .index = view_of("\0\0", 2) };
	write_row("object-raw", 0, &raw, view_str("CFR1 not sealed"), 1);
}

/* ---- grants, answers, audit ---- */

static void seed_grants(void)
{
	uint8_t body[256];
	struct writer w;
	struct store_row row = { .version = 1, .state = 1, .id_len = UUID_LEN, .header = view_of("\1", 1), .index = view_of("\0\0", 2) };
	writer_init(&w, body, sizeof body);
	writer_view_u32(&w, view_str("unix:4001"));
	writer_u8(&w, 1);
	writer_view_u32(&w, view_str("pay"));
	writer_view_u32(&w, view_str("unix:0"));
	writer_u64(&w, 1);
	write_row("grant", 3, &row, writer_view(&w), 1);
	write_row("grant-twice", 3, &row, writer_view(&w), 2);
	write_row("grant-raw", 2, &row, writer_view(&w), 1);
}

static void seed_request(void)
{
	uint8_t body[256], header[9] = { 1, 0x7f };
	struct writer w;
	struct store_row row = { .version = 1, .header = view_of(header, sizeof header), .index = view_of("\0\0", 2) };
	writer_init(&w, body, sizeof body);
	writer_u8(&w, 2);
	writer_zero(&w, 31);
	writer_u64(&w, 1);
	writer_view_u32(&w, view_str("the answer"));
	write_row("request", 5, &row, writer_view(&w), 1);
	write_row("request-raw", 4, &row, writer_view(&w), 1);
	row.header = view_of(header, 4);
	write_row("request-short-header", 5, &row, writer_view(&w), 1);
}

static void seed_audit(void)
{
	uint8_t body[256];
	struct writer w;
	struct store_row row = { .version = 1, .index = view_of("\0\0", 2) };
	writer_init(&w, body, sizeof body);
	writer_u8(&w, 1);
	writer_u64(&w, 1);
	writer_u64(&w, 1700000000000);
	writer_bytes(&w, view_of(domain.node_id, UUID_LEN));
	writer_u64(&w, 0);
	writer_view_u32(&w, view_str("unix:4001"));
	writer_u32(&w, OPERATION_CREATE);
	writer_u32(&w, 0);
	writer_u32(&w, 0);
	writer_view_u32(&w, view_of(domain.id, UUID_LEN));
	writer_view_u32(&w, view_of(NULL, 0));
	writer_view_u32(&w, view_str("made"));
	write_row("audit", 7, &row, writer_view(&w), 1);
	write_row("audit-gap", 7, &row, writer_view(&w), 2);
	uint8_t header[37] = { 1, 0, 0, 0, 9 };
	row.header = view_of(header, sizeof header);
	write_row("audit-other-generation", 7, &row, writer_view(&w), 1);
	write_row("audit-raw", 6, &row, writer_view(&w), 1);
}

/* ---- identity, slot, domain key, stanza ---- */

static void seed_identity(void)
{
	struct identity identity = { .domain = domain, .token_kind = "tpm2", .token_uri = "tpm2:device:/dev/tpmrm0" };
	uint8_t bytes[1 + IDENTITY_BYTES_MAX];
	size_t len;
	memcpy(identity.binding.mechanism, "m", 2);
	identity.binding.data[0] = 1;
	identity.binding.data_len = 1;
	REQUIRE(identity_encode(&identity, bytes + 1, &len) == ERR_OK);
	bytes[0] = 8;
	seed_write("row", "identity", view_of(bytes, 1 + len));
	bytes[0] = 9;
	seed_write("row", "identity-without-sum", view_of(bytes, 1 + len - 8));
}

static void seed_slot(void)
{
	AUTO_BUF struct buf header = BUF_EMPTY, body = BUF_EMPTY;
	struct token_binding binding = { .mechanism = "m" };
	uint8_t check[32], signature[DOMAIN_SIGNATURE_LEN];
	struct store_row row = { .version = 1 };
	const struct secret *key;
	REQUIRE(ring_data_key(ring, 1, &key) == ERR_OK && ring_key_check(&domain, 1, key, check) == ERR_OK);
	REQUIRE(generation_sign(seed, &domain, 1, check, signature) == ERR_OK);
	REQUIRE(slot_make(ring, 1, "tpm2", &binding, view_str("wrapped"), signature, 1, &row, &header, &body) == ERR_OK);
	write_row("slot", 10, &row, row.body, 1);
	write_row("slot-without-mac", 11, &row, view_of(row.body.ptr, row.body.len - 32), 1);
}

static void seed_domain_key(void)
{
	uint8_t body[64];
	struct store_row row = { .version = 1, .header = view_of("\1", 1), .index = view_of("\0\0", 2) };
	memcpy(body, secret_bytes(seed), 32);
	memcpy(body + 32, domain.public_key, 32);
	write_row("domain-key", 13, &row, view_of(body, sizeof body), 1);
	write_row("domain-key-raw", 12, &row, view_of(body, sizeof body), 1);
}

static void seed_stanza(enum stanza_mode mode, const char *name)
{
	AUTO_BUF struct buf body = BUF_EMPTY, wraps = BUF_EMPTY;
	static struct stanza s;
	struct stanza_wrap wrap = { .generation = 1 };
	struct store_row row;
	s = (struct stanza){ .mode = mode, .count = 1 };
	memcpy(s.domain_id, domain.id, UUID_LEN);
	s.public_key[0] = 4;
	s.shares.k = 2;
	s.shares.n = 3;
	s.passphrase.log2n = STANZA_LOG2N;
	s.passphrase.r = STANZA_R;
	s.passphrase.p = STANZA_P;
	REQUIRE(stanza_key_id(domain.id, s.public_key, s.key_id) == ERR_OK && stanza_wrap_append(&wrap, &wraps) == ERR_OK);
	s.wraps = buf_view(&wraps);
	REQUIRE(stanza_sign(&domain, seed, &s, 1, STANZA_CURRENT, &row, &body) == ERR_OK);
	write_row(name, 15, &row, view_of(row.body.ptr, row.body.len - DOMAIN_SIGNATURE_LEN), 1);
	if (mode == STANZA_SHARES) write_row("stanza-raw", 14, &row, row.body, 1);
}

void seeds_rows(void)
{
	make_domain();
	seed_objects();
	seed_grants();
	seed_request();
	seed_audit();
	seed_identity();
	seed_slot();
	seed_domain_key();
	seed_stanza(STANZA_SHARES, "stanza-shares");
	seed_stanza(STANZA_PASSPHRASE, "stanza-passphrase");
	ring_free(ring);
	secret_free(seed);
}
