/* Fuzzes what is read from the store and the identity file: object_from_row, grants_load, request_record_find, audit_chain_open and audit_verify,
 * identity_decode, slot_parse and slot_accept, generation_get_domain_key, stanza_parse and stanza_verify, anchor_record_read, audit_key_take. The first byte chooses; odd: the row comes
 * sealed or signed by the domain. */
#include <string.h>

#include "base/clock.h"
#include "crypto/sign.h"
#include "fuzz/rows.h"

static uint64_t still(void *arg)
{
	(void)arg;
	return UINT64_C(1700000000);
}

static struct secret *filled(uint8_t fill)
{
	struct secret *s = secret_new(DATA_KEY_LEN);
	REQUIRE(s);
	memset(secret_mut(s), fill, DATA_KEY_LEN);
	return s;
}

static void make(struct rows *r)
{
	fuzz_arena();
	clock_set_source(&(struct clock_source){ still, still, NULL });
	r->seed = filled(0x33);
	r->data_key = filled(0x5a);
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		r->domain.id[i] = i;
		r->domain.node_id[i] = (uint8_t)(0x10 + i);
	}
	struct secret *key = filled(0x5a);
	REQUIRE(sign_public_of(r->seed, r->domain.public_key) == ERR_OK);
	r->ring = ring_new(&r->domain);
	r->table = object_table_new(16);
	REQUIRE(r->ring && r->table && ring_add(r->ring, 1, &key) == ERR_OK);
}

static void run(struct rows *r, uint8_t which)
{
	bool sealed = which % 2 == 1;
	switch (which / 2 % 9) {
	case 0: rows_object(r, sealed); break;
	case 1: rows_grants(r, sealed); break;
	case 2: rows_request(r, sealed); break;
	case 3: rows_audit(r, sealed); break;
	case 4: rows_identity(r, sealed); break;
	case 5: rows_slot(r, sealed); break;
	case 6: rows_domain_key(r, sealed); break;
	case 7: rows_stanza(r, sealed); break;
	default: rows_small(r, sealed); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rows r;
	if (size < 1) return 0;
	if (!r.ring) make(&r);
	reader_init(&r.in, view_of(data + 1, size - 1));
	REQUIRE(store_open_memory(&r.store) == ERR_OK);
	r.txn = txn_new(r.store, r.table);
	REQUIRE(r.txn);
	txn_set_ring(r.txn, r.ring);
	REQUIRE(txn_begin(r.txn, NULL) == ERR_OK);
	run(&r, data[0]);
	txn_abort(r.txn);
	txn_free(r.txn);
	object_table_clear(r.table);
	store_close(r.store);
	return 0;
}
