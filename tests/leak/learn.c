/* leak_learn STATE: prints the markers `data-key`, `domain-seed` and, of a token that counts, `counter-auth` of a node: what the owner of its token can learn offline. It opens the token that
 * node.id names, unwraps the slot of a (copied, stopped) store, lets the ring check it against key check, generation signature and MAC, and opens the records of
 * the domain key and of the anchor. One program for each backend. Lines as leak/forms.h reads them, masked. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "crypto/ossl_mem.h"
#include "keyring/anchor_record.h"
#include "keyring/generation.h"
#include "keyring/identity.h"
#include "keyring/slot.h"
#include "leak/marker.h"

struct learn {
	struct ring *ring;
	struct secret *key; /* the data key; moves into the ring */
	struct token *token;
	const struct identity *identity;
	struct reason *reason;
};

static enum coffer_err open_slot(void *arg, const struct store_row *row)
{
	struct learn *l = arg;
	struct slot slot;
	AUTO_SECRET struct secret *key = NULL;
	if (memcmp(row->id, l->identity->domain.node_id, UUID_LEN) != 0) return ERR_OK;
	TRY(slot_parse(row, &slot, l->reason));
	TRY(token_backend.unwrap(l->token, slot.blob, &key, l->reason));
	TRY(marker_print("data-key", key));
	return slot_accept(l->ring, row, &slot, &key, l->reason);
}

static enum coffer_err print_counter(struct store *store, struct ring *ring)
{
	struct anchor_record record = ANCHOR_RECORD_NONE;
	enum coffer_err err = anchor_record_read(store, ring, &record);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	if (!err) err = marker_print("counter-auth", record.auth);
	anchor_record_clear(&record);
	return err;
}

static enum coffer_err learn_from(struct learn *l, struct store *store)
{
	AUTO_SECRET struct secret *seed = NULL;
	TRY(store_scan(store, STORE_SLOT, view_of(NULL, 0), false, 1024, open_slot, l));
	if (ring_count(l->ring) == 0) return reason_fail(l->reason, ERR_NOT_FOUND, "the store has no slot of this node");
	TRY(generation_get_domain_key(store, l->ring, &seed));
	TRY(print_counter(store, l->ring));
	return marker_print("domain-seed", seed);
}

static enum coffer_err learn(const char *state, struct reason *reason)
{
	struct identity identity;
	struct store *store = NULL;
	char path[4096];
	struct learn l = { .identity = &identity, .reason = reason };
	TRY(identity_read(state, &identity, reason));
	snprintf(path, sizeof path, "%s/store.db", state);
	TRY(store_open_sqlite(path, &store, reason));
	enum coffer_err err = token_backend.open(identity.token_uri, &l.token, reason);
	if (!err) err = token_backend.attach(l.token, &identity.binding, reason);
	l.ring = ring_new(&identity.domain);
	if (!err) err = l.ring ? learn_from(&l, store) : ERR_MEMORY;
	ring_free(l.ring);
	token_backend.close(l.token);
	store_close(store);
	return err;
}

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	if (argc != 2) {
		fprintf(stderr, "usage: leak_learn STATE\n");
		return 2;
	}
	enum coffer_err err = arena_init((size_t)1 << 20, false, &reason);
	if (!err) err = ossl_mem_install();
	if (!err) err = learn(argv[1], &reason);
	if (err) fprintf(stderr, "leak_learn: %s\n", reason_text(&reason, err));
	return err ? 1 : 0;
}
