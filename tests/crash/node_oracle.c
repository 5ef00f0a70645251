/* crash_node_oracle_KIND FOLDER STATE SEED [--done]: judges what a whole daemon left behind. STATE is its state folder (a copy: it is opened), whose data key the
 * token opens once more; FOLDER holds what the client was acknowledged. --done: the client came to its end, so no step is under way. Prints each
 * violation; exit status 1 when there is one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/judge.h"
#include "keyring/identity.h"
#include "keyring/slot.h"
#include "store/store.h"

static void must(enum coffer_err err, const struct reason *reason, const char *what)
{
	if (err) node_die("%s: %s: %s", what, err_name(err), reason_text(reason, err));
}

struct opening {
	struct identity identity;
	struct token *token;
	struct ring *ring;
	struct reason reason;
	unsigned slots;
};

static enum coffer_err open_slot(void *arg, const struct store_row *row)
{
	struct opening *o = arg;
	struct slot slot;
	AUTO_SECRET struct secret *key = NULL;
	if (row->id_len != UUID_LEN + 4 || memcmp(row->id, o->identity.domain.node_id, UUID_LEN) != 0) return ERR_OK;
	o->slots++;
	TRY(slot_parse(row, &slot, &o->reason));
	TRY(slot_check_binding(&slot, o->identity.token_kind, &o->identity.binding, &o->reason));
	TRY(token_backend.unwrap(o->token, slot.blob, &key, &o->reason));
	return slot_accept(o->ring, row, &slot, &key, &o->reason);
}

/* The ring as cofferd makes it at start. */
static struct ring *open_ring(const char *state)
{
	static struct opening o;
	static const uint8_t from[UUID_LEN + 4];
	struct store *store = NULL;
	char path[4096];
	snprintf(path, sizeof path, "%s/store.db", state);
	must(identity_read(state, &o.identity, &o.reason), &o.reason, "node.id");
	must(store_open_sqlite(path, &store, &o.reason), &o.reason, "the store");
	must(token_backend.open(o.identity.token_uri, &o.token, &o.reason), &o.reason, "the token");
	must(token_backend.attach(o.token, &o.identity.binding, &o.reason), &o.reason, "the master secret");
	o.ring = ring_new(&o.identity.domain);
	if (!o.ring) node_die("out of memory");
	must(store_scan(store, STORE_SLOT, view_of(from, sizeof from), false, 1024, open_slot, &o), &o.reason, "the wrapped data keys");
	if (o.slots == 0) node_die("there is no wrapped data key");
	token_backend.close(o.token);
	store_close(store);
	return o.ring;
}

static void print_violation(void *arg, const char *violation)
{
	(void)arg;
	printf("VIOLATION %s\n", violation);
}

int main(int argc, char **argv)
{
	static struct node node;
	static struct history history;
	struct judge j = { .node = &node, .history = &history, .under_way = argc == 4, .live = true, .say = print_violation };
	if (argc != 4 && !(argc == 5 && strcmp(argv[4], "--done") == 0)) {
		fprintf(stderr, "usage: %s FOLDER STATE SEED [--done]\n", argv[0]);
		return 2;
	}
	node_memory();
	node_open_with(&node, argv[2], open_ring(argv[2]));
	history_open(&history, argv[1], strtoull(argv[3], NULL, 10));
	history_next(&history, &j.next);
	judge_all(&j);
	node_close(&node);
	if (!j.violations) printf("ok: %u steps, %zu objects\n", history.done, history.count);
	return j.violations ? 1 : 0;
}
