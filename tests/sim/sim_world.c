/* What every life begins with: a domain, its data key, and a sealed record of each node. Made once. */
#include <string.h>

#include "base/arena.h"
#include "keyring/record.h"
#include "sim/sim.h"

static struct ring *rings[IDENTITIES];
static struct domain_id domains[IDENTITIES];
static struct image records[IDENTITIES][2];

static bool make_record(unsigned i, bool removed)
{
	static const uint8_t header[] = { 1 }, none[] = { 0, 0 };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct image *m = &records[i][removed];
	struct store_row row = { .id_len = UUID_LEN, .version = removed ? 2 : 1, .state = removed ? 3 : 2, .header = view_of(header, 1), .index = view_of(none, 2) };
	memcpy(row.id, domains[i].node_id, UUID_LEN);
	if (record_seal(rings[i], STORE_NODE, view_str("node"), &row, &body) != ERR_OK || body.len > sizeof m->body) return false;
	m->row = row;
	m->key = (uint16_t)(KEY_NODE + i);
	memcpy(m->header, header, 1);
	memcpy(m->body, body.ptr, body.len);
	m->row.header = view_of(m->header, 1);
	m->row.body = view_of(m->body, body.len);
	return true;
}

bool world_make(void)
{
	if (arena_init(8u << 20, false, NULL) != ERR_OK) return false;
	for (unsigned i = 0; i < IDENTITIES; i++) {
		struct secret *key = secret_new(DATA_KEY_LEN);
		if (!key) return false;
		memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
		memset(domains[i].id, 7, UUID_LEN);
		memset(domains[i].node_id, (int)('A' + i), UUID_LEN);
		rings[i] = ring_new(&domains[i]);
		if (!rings[i] || ring_add(rings[i], 1, &key) != ERR_OK) return false;
		if (!make_record(i, false) || !make_record(i, true)) return false;
	}
	return true;
}

void world_end(void)
{
	for (unsigned i = 0; i < IDENTITIES; i++) ring_free(rings[i]);
}

struct ring *world_ring(unsigned identity) { return rings[identity]; }
const uint8_t *world_node_id(unsigned identity) { return domains[identity].node_id; }
const struct image *world_record(unsigned identity, bool removed) { return &records[identity][removed]; }
