/* What a wrapped data key must pass before it enters the ring. */
#include <string.h>

#include "base/ct.h"
#include "base/writer.h"
#include "crypto/mac.h"
#include "keyring/generation.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "keyring/slot_internal.h"

#define INPUT_MAX 16384u

enum coffer_err slot_mac(struct ring *ring, const struct store_row *row, struct view fields, uint8_t out[static 32])
{
	AUTO_BUF struct buf input = BUF_EMPTY;
	const struct secret *key;
	struct writer w;
	TRY(ring_subkey(ring, row->generation, SUBKEY_NODE_RECORD, &key));
	writer_init_buf(&w, &input, INPUT_MAX);
	label_write(&w, "slot-mac");
	TRY(writer_done(&w));
	TRY(record_bind(ring_domain(ring), STORE_SLOT, row, &input));
	writer_init_buf(&w, &input, INPUT_MAX);
	writer_view_u32(&w, fields);
	TRY(writer_done(&w));
	const struct view part = buf_view(&input);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}

enum coffer_err slot_check_binding(const struct slot *slot, const char *kind, const struct token_binding *pinned,
	struct reason *reason)
{
	const char *what = NULL;
	if (strcmp(slot->kind, kind) != 0) what = "kind of token";
	else if (!view_equal(slot->master_secret_id, view_of(pinned->master_secret_id, TOKEN_MS_ID_LEN))) what = "master secret";
	else if (!view_equal_str(slot->mechanism, pinned->mechanism)) what = "wrapping mechanism";
	else if (!view_equal(slot->binding_data, view_of(pinned->data, pinned->data_len))) what = "details of the token";
	if (what)
		return reason_fail(reason, ERR_TOKEN_OTHER,
			"the wrapped data key names another %s than this node's identity file; the store or the identity file was exchanged", what);
	return ERR_OK;
}

/* The MAC is checked in a ring that holds this one key, so that a refused key never was in the node's own. */
static enum coffer_err check_mac(const struct domain_id *domain, const struct store_row *row, const struct slot *slot,
	const struct secret *key)
{
	uint8_t mac[MAC_LEN];
	struct secret *copy = secret_copy(secret_bytes(key), secret_len(key));
	struct ring *alone = ring_new(domain);
	enum coffer_err err = copy && alone ? ring_add(alone, slot->generation, &copy) : ERR_MEMORY;
	if (!err) err = slot_mac(alone, row, view_of(row->body.ptr, row->body.len - MAC_LEN), mac);
	if (!err && !ct_equal(mac, slot->mac, MAC_LEN)) err = ERR_CORRUPT;
	secret_free(copy);
	ring_free(alone);
	return err;
}

enum coffer_err slot_accept(struct ring *ring, const struct store_row *row, const struct slot *slot, struct secret **key,
	struct reason *reason)
{
	const struct domain_id *domain = ring_domain(ring);
	uint8_t check[32];
	PRE(*key && row->body.len > MAC_LEN);
	if (!view_equal(view_of(slot->node_id, UUID_LEN), view_of(domain->node_id, UUID_LEN)))
		return reason_fail(reason, ERR_CORRUPT, "the wrapped data key belongs to another node");
	if (secret_len(*key) != DATA_KEY_LEN)
		return reason_fail(reason, ERR_CORRUPT, "the token opened something that is not a data key (wrong length)");
	TRY(ring_key_check(domain, slot->generation, *key, check));
	if (!ct_equal(check, slot->key_check, sizeof check))
		return reason_fail(reason, ERR_CORRUPT,
			"the data key that the token opened is not the one of generation %u (key check)", slot->generation);
	enum coffer_err err = generation_verify(domain, slot->generation, slot->key_check, slot->signature);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, err,
			"generation %u is not signed by this domain (generation signature); the store was exchanged", slot->generation);
	TRY(err);
	err = check_mac(domain, row, slot, *key);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, err, "the row of the wrapped data key of generation %u was edited (MAC)", slot->generation);
	TRY(err);
	return ring_add(ring, slot->generation, key);
}

enum coffer_err slot_verify(struct ring *ring, const struct store_row *row)
{
	struct slot slot;
	uint8_t mac[MAC_LEN];
	TRY(slot_parse(row, &slot, NULL));
	TRY(slot_mac(ring, row, view_of(row->body.ptr, row->body.len - MAC_LEN), mac));
	return ct_equal(mac, slot.mac, sizeof mac) ? ERR_OK : ERR_CORRUPT;
}
