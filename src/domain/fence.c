/* The lease inside transactions. */
#include "domain/fence.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "keyring/record.h"

#define NODE_STATE_MEMBER 2u
#define TWIN_PREFIX "twin" /* behind all signs of life: who reads them in order meets the notes too */
#define TWIN_ID_LEN (sizeof TWIN_PREFIX - 1 + UUID_LEN)
#define VERSION_LAST (UINT32_MAX - 1)

static enum coffer_err from_row(struct ring *ring, enum coffer_err read, const struct store_row *row, struct lease *out)
{
	struct lease none = { .version = 0 };
	if (read == ERR_NOT_FOUND) *out = none;
	if (read) return read == ERR_NOT_FOUND ? ERR_OK : read;
	return lease_from_row(ring, row, out);
}

enum coffer_err lease_look(struct store *store, struct ring *ring, struct lease *out)
{
	struct store_row row;
	struct lease found;
	TRY(from_row(ring, store_get(store, STORE_LEASE, view_str(LEASE_ID), &row), &row, &found));
	ENSURE(!found.version || found.generation >= ring_newest(ring), ERR_CORRUPT);
	*out = found;
	return ERR_OK;
}

static enum coffer_err hold(struct store *store, struct ring *ring, struct lease *out)
{
	struct store_row row;
	return from_row(ring, store_hold(store, STORE_LEASE, view_str(LEASE_ID), &row), &row, out);
}

static void twin_id(const uint8_t node_id[static UUID_LEN], uint8_t out[static TWIN_ID_LEN])
{
	memcpy(out, TWIN_PREFIX, sizeof TWIN_PREFIX - 1);
	memcpy(out + sizeof TWIN_PREFIX - 1, node_id, UUID_LEN);
}

/* The record is sealed with its state, so that who has the database alone cannot make a member of one who was removed. */
static enum coffer_err check_record(struct store *store, struct ring *ring, struct reason *reason)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	enum coffer_err err = store_hold(store, STORE_NODE, view_of(ring_domain(ring)->node_id, UUID_LEN), &row);
	if (err == ERR_NOT_FOUND)
		return reason_fail(reason, ERR_DENIED, "the domain has no record of this node; join it with 'coffer node join'");
	TRY(err);
	if (row.state != NODE_STATE_MEMBER)
		return reason_fail(reason, ERR_DENIED, "this node is no member of the domain (it was removed); join it again with 'coffer node join'");
	return record_open(ring, STORE_NODE, &row, &plain);
}

enum coffer_err fence_member(struct store *store, struct ring *ring, struct reason *reason)
{
	uint8_t id[TWIN_ID_LEN];
	struct store_row row;
	twin_id(ring_domain(ring)->node_id, id);
	enum coffer_err err = store_hold(store, STORE_LEASE, view_of(id, sizeof id), &row);
	if (!err)
		return reason_fail(reason, ERR_EXISTS, "two machines run with the identity of this node (one was cloned); remove one, then run 'coffer node accept NODE'");
	ENSURE(err == ERR_NOT_FOUND, err);
	return check_record(store, ring, reason);
}

static enum coffer_err refuse(const struct lease *found, const struct lease *mine, struct reason *reason)
{
	char hex[2 * UUID_LEN + 1];
	text_hex(view_of(found->holder, UUID_LEN), hex);
	if (!found->version) return reason_fail(reason, ERR_STATE, "nobody is master server now; wait for one, or run 'coffer promote' on a node");
	if (memcmp(found->holder, mine->holder, UUID_LEN) != 0)
		return reason_fail(reason, ERR_STATE, "node %s is master server since, under epoch %" PRIu64 "; ask it", hex, found->epoch);
	return reason_fail(reason, ERR_STATE, "this node was made master server anew since (epoch %" PRIu64 "); try again", found->epoch);
}

enum coffer_err fence_check(struct store *store, struct ring *ring, const struct lease *mine, struct reason *reason)
{
	struct lease found;
	ENSURE(mine->version && mine->held, reason_fail(reason, ERR_STATE, "this node is not master server; ask the one that is, or run 'coffer promote' here"));
	TRY(hold(store, ring, &found));
	if (!lease_is_same(&found, mine)) return refuse(&found, mine, reason);
	return fence_member(store, ring, reason);
}

enum coffer_err lease_write(struct store *store, struct ring *ring, const struct lease *expect, struct lease *next, struct lease *out_found,
	struct reason *reason)
{
	struct lease found;
	struct store_row row;
	uint8_t body[LEASE_BODY_LEN];
	TRY(hold(store, ring, &found));
	*out_found = found;
	bool same = expect->version ? lease_is_same(&found, expect) : !found.version;
	if (!same) return reason_fail(reason, ERR_STATE, "the lease was written by another node at the same time");
	TRY(fence_member(store, ring, reason));
	ENSURE(found.version < VERSION_LAST, ERR_LIMIT);
	next->version = found.version + 1;
	TRY(lease_to_row(ring, next, &row, body));
	return store_put(store, STORE_LEASE, &row, found.version != 0);
}

enum coffer_err fence_note_twin(struct store *store, struct ring *ring)
{
	static const uint8_t header[] = { 1 }, none[] = { 0, 0 }, body[] = { 1 };
	struct store_row row = { .id_len = TWIN_ID_LEN, .version = 1, .state = 1, .header = view_of(header, sizeof header), .index = view_of(none, sizeof none),
		.body = view_of(body, sizeof body) };
	twin_id(ring_domain(ring)->node_id, row.id);
	enum coffer_err err = store_put(store, STORE_LEASE, &row, false);
	return err == ERR_EXISTS ? ERR_OK : err;
}

bool fence_twin_of(const struct store_row *row, uint8_t out_node_id[static UUID_LEN])
{
	if (row->id_len != TWIN_ID_LEN || memcmp(row->id, TWIN_PREFIX, sizeof TWIN_PREFIX - 1) != 0) return false;
	memcpy(out_node_id, row->id + sizeof TWIN_PREFIX - 1, UUID_LEN);
	return true;
}

enum coffer_err fence_clear_twin(struct store *store, const uint8_t node_id[static UUID_LEN])
{
	uint8_t id[TWIN_ID_LEN];
	twin_id(node_id, id);
	enum coffer_err err = store_erase(store, STORE_LEASE, view_of(id, sizeof id));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}
