/* A domain is made: Init, the proof that two of three shares are held, Init Confirm. Each round begins with an empty house. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/founding.h"
#include "fault/scenario.h"
#include "keyring/identity.h"
#include "unit/ops/fake_token.h"
#include "unit/ops/fixture.h"

struct site {
	struct fake_token token;
	struct house *house;
};

static enum coffer_err token_answers(void)
{
	return fault_strikes(FAULT_AT_TOKEN) ? (enum coffer_err)fault_code() : ERR_OK;
}

static void *open_site(void)
{
	struct site *s = calloc(1, sizeof *s);
	MUST(s);
	fake_token_init(&s->token);
	s->token.on_thread = fault_aside;
	s->token.on_call = token_answers;
	s->token.on_wire = founding_wire;
	s->house = house_open_empty(&s->token.spawner);
	return s;
}

static void close_site(void *place)
{
	struct site *s = place;
	house_close(s->house);
	fake_token_done(&s->token);
	free(s);
}

static enum coffer_err send_one(struct site *s, struct ask *a)
{
	ask_item_end(a, NULL);
	ask_end(a);
	return house_send(s->house, a);
}

static struct view nth_share(struct house *h, unsigned i)
{
	struct ttlv_cursor c = h->response.items[0].payload;
	struct ttlv_item item;
	while (ttlv_next(&c, &item))
		if (item.tag == TAG_COFFER_SHARE && i-- == 0) return item.value;
	house_die("a share is missing");
}

static bool has_identity(const struct house *h)
{
	struct identity id;
	enum coffer_err err = identity_read(h->dir, &id, NULL);
	MUST(err == ERR_OK || err == ERR_NOT_FOUND);
	return err == ERR_OK;
}

/* Half of a domain there must never be. */
static void check_whole(struct house *h)
{
	enum engine_state state = engine_state_get(&h->daemon.engine);
	if (h->away || state == ENGINE_FAULT) return; /* a restart finishes it or takes it back */
	bool rows = house_count(h, STORE_SLOT) > 0;
	MUST(state == ENGINE_OPEN || state == ENGINE_SEALED || state == ENGINE_UNINITIALISED);
	MUST(rows == (state != ENGINE_UNINITIALISED) && has_identity(h) == rows);
}

static enum coffer_err run_init(void *place, unsigned k)
{
	struct site *s = place;
	struct ask a, b;
	(void)k;
	house_tick(s->house);
	if (engine_state_get(&s->house->daemon.engine) == ENGINE_OPEN) { /* done, though the answer was lost */
		ask_one(&a, OPERATION_LOCATE);
		return send_one(s, &a);
	}
	if (engine_state_get(&s->house->daemon.engine) == ENGINE_FAULT) return ERR_OK; /* says: restart the daemon */
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_COUNT, 3);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_THRESHOLD, 2);
	enum coffer_err err = send_one(s, &a);
	check_whole(s->house);
	if (err) return err;
	ask_one(&b, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&b.w, TAG_COFFER_INIT_ID, house_field(s->house, TAG_COFFER_INIT_ID));
	ttlv_put_text(&b.w, TAG_COFFER_SHARE, nth_share(s->house, 2));
	ttlv_put_text(&b.w, TAG_COFFER_SHARE, nth_share(s->house, 0));
	err = send_one(s, &b);
	check_whole(s->house);
	return err;
}

static void judge_init(void *place, unsigned k)
{
	struct site *s = place;
	(void)k;
	if (engine_state_get(&s->house->daemon.engine) == ENGINE_FAULT) return;
	MUST(engine_state_get(&s->house->daemon.engine) == ENGINE_OPEN);
	MUST(house_count(s->house, STORE_SLOT) == 1 && house_count(s->house, STORE_GRANT) == 1);
}

const struct scenario init_scenarios[] = {
	{ .name = "init", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .rounds = 1, .stride = 31, .open = open_site, .run = run_init, .judge = judge_init,
	  .close = close_site },
	{ .name = NULL },
};
