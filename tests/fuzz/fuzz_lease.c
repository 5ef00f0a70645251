/* Fuzzes the rows of table 64: lease_from_row and sign_from_row. The first byte: odd, the row comes with the MAC that only the domain can make; bit 1: a node's sign of life, else the lease;
 * the rest: version u32, state u8, then header and body (each u8 length, bytes). What is read is written again as the same bytes. */
#include <string.h>

#include "base/reader.h"
#include "crypto/mac.h"
#include "domain/lease_row.h"
#include "domain/sign_row.h"
#include "fuzz/fuzz.h"
#include "keyring/label.h"
#include "keyring/record.h"

#define FIELDS_LEN (LEASE_BODY_LEN - MAC_LEN)
#define AUTHENTIC 1u
#define SIGN 2u

static struct ring *ring;

static void make(void)
{
	struct domain_id domain = { .id = "fuzz" };
	struct secret *key;
	fuzz_arena();
	key = secret_new(DATA_KEY_LEN);
	REQUIRE(key);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	ring = ring_new(&domain);
	REQUIRE(ring && ring_add(ring, 1, &key) == ERR_OK);
}

static struct view take(struct reader *r)
{
	struct view v = { NULL, 0 };
	uint8_t len = 0;
	if (reader_left(r) >= 1) REQUIRE(reader_u8(r, &len) == ERR_OK);
	if (len > reader_left(r)) len = (uint8_t)reader_left(r);
	REQUIRE(reader_view(r, len, &v) == ERR_OK);
	return v;
}

/* Written anew from docs/formats.md sections 23.2 and 23.7. */
static void put_mac(const struct store_row *row, const char *label, uint8_t *body, size_t fields_len)
{
	AUTO_BUF struct buf message = BUF_EMPTY;
	const struct secret *key;
	struct writer w;
	writer_init_buf(&w, &message, LABEL_MAX);
	label_write(&w, label);
	if (record_bind(ring_domain(ring), STORE_LEASE, row, &message) != ERR_OK) return;
	writer_init_buf(&w, &message, STORE_BODY_MAX);
	writer_view_u32(&w, view_of(body, fields_len));
	struct view all = { NULL, 0 };
	REQUIRE(writer_done(&w) == ERR_OK && ring_subkey(ring, 1, SUBKEY_NODE_RECORD, &key) == ERR_OK);
	all = buf_view(&message);
	REQUIRE(mac_hmac_sha256(secret_view(key), &all, 1, body + fields_len) == ERR_OK);
}

static void read_lease(struct store_row *row, bool authentic)
{
	uint8_t body[LEASE_BODY_LEN] = { 0 }, again[LEASE_BODY_LEN];
	struct store_row second;
	struct lease lease;
	row->id_len = sizeof LEASE_ID - 1;
	memcpy(row->id, LEASE_ID, row->id_len);
	if (authentic && row->body.len >= FIELDS_LEN) {
		memcpy(body, row->body.ptr, FIELDS_LEN);
		put_mac(row, "lease-mac", body, FIELDS_LEN);
		row->body = view_of(body, sizeof body);
	}
	enum coffer_err err = lease_from_row(ring, row, &lease);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_VERSION);
	if (err) return;
	REQUIRE(authentic && lease.epoch != 0);
	REQUIRE(lease_to_row(ring, &lease, &second, again) == ERR_OK && second.state == row->state && view_equal(second.body, row->body));
}

static void read_sign(struct store_row *row, bool authentic)
{
	uint8_t body[UINT8_MAX + MAC_LEN], again[SIGN_BODY_MAX];
	const uint8_t node[UUID_LEN] = { 7 };
	struct store_row second;
	struct node_sign sign;
	row->id_len = SIGN_ID_LEN;
	sign_id(node, row->id);
	if (authentic) {
		size_t len = row->body.len;
		memcpy(body, row->body.ptr, len);
		put_mac(row, "sign-mac", body, len);
		row->body = view_of(body, len + MAC_LEN);
	}
	enum coffer_err err = sign_from_row(ring, row, &sign);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_VERSION);
	if (err) return;
	REQUIRE(authentic && sign.count == row->version && memcmp(sign.node_id, node, UUID_LEN) == 0);
	REQUIRE(sign_to_row(ring, &sign, &second, again) == ERR_OK && view_equal(second.body, row->body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t which = 0, state = 0;
	struct store_row row = { .generation = 1 };
	struct reader r;
	if (!ring) make();
	if (size < 6) return 0;
	reader_init(&r, view_of(data, size));
	REQUIRE(reader_u8(&r, &which) == ERR_OK && reader_u32(&r, &row.version) == ERR_OK && reader_u8(&r, &state) == ERR_OK);
	row.state = state;
	row.header = take(&r);
	row.body = take(&r);
	if (which & SIGN) read_sign(&row, which & AUTHENTIC);
	else read_lease(&row, which & AUTHENTIC);
	return 0;
}
