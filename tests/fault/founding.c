/* The founding of a house. */
#include "fault/founding.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/interrupted.h"
#include "fault/fault.h"
#include "unit/ops/fixture.h"

static enum coffer_err token_answers(void)
{
	return fault_strikes(FAULT_AT_TOKEN) ? (enum coffer_err)fault_code() : ERR_OK;
}

enum fake_wire founding_wire(void)
{
	return fault_strikes(FAULT_AT_WIRE) ? (enum fake_wire)fault_code() : FAKE_WIRE_WELL;
}

void founding_open_empty(struct yard *y)
{
	fake_token_init(&y->token);
	y->token.on_thread = fault_aside;
	y->token.on_call = token_answers;
	y->token.on_wire = founding_wire;
	y->house = house_open_empty(&y->token.spawner);
}

void founding_done(struct yard *y)
{
	house_close(y->house);
	fake_token_done(&y->token);
	bytes_free(&y->file);
}

void founding_close(struct yard *y)
{
	founding_done(y);
	free(y);
}

void founding_close_as_place(void *place)
{
	founding_close(place);
}

enum coffer_err founding_send(struct yard *y, struct ask *a)
{
	ask_item_end(a, NULL);
	ask_end(a);
	return house_send(y->house, a);
}

enum coffer_err founding_send_audited(struct yard *y, struct ask *a)
{
	const struct engine *e = &y->house->daemon.engine;
	uint64_t before = audit_chain_length(e->audit);
	enum coffer_err err = founding_send(y, a);
	if (err && fault_place() == FAULT_AT_TOKEN && audit_chain_length(e->audit) <= before) house_die("refused, and the audit log does not have it");
	return err;
}

static void ask_for_keys(struct house *h)
{
	struct ask a;
	ask_one(&a, OPERATION_LOCATE);
	ask_item_end(&a, NULL);
	ask_end(&a);
	(void)house_send(h, &a);
}

void founding_recover(struct house *h, bool restart)
{
	struct daemon *d = &h->daemon;
	struct token_health health = { .state = TOKEN_GONE };
	for (unsigned i = 0; i < 200; i++) {
		token_proxy_health(d->engine.token, &health);
		if (health.state == TOKEN_WELL && engine_store_health(&d->engine) == STORE_WELL) break;
		house_tick(h);
		token_proxy_retry(d->engine.token); /* the operator asks */
		if (engine_store_health(&d->engine) != STORE_WELL) ask_for_keys(h); /* opens the store again */
		if (token_proxy_probe_now(d->engine.token, 1000, NULL) != ERR_OK) (void)usleep(20000);
	}
	if (health.state != TOKEN_WELL) house_die("the token does not come back: %s", token_state_name(health.state));
	if (!restart) return;
	MUST_OK(interrupted_settle(d, NULL));
	MUST_OK(identity_read(h->dir, &d->engine.identity, NULL));
}

void founding_share(struct house *h, unsigned i, char out[static SHARE_MAX])
{
	struct ttlv_cursor c = h->response.items[0].payload;
	struct ttlv_item item;
	while (ttlv_next(&c, &item)) {
		if (item.tag != TAG_COFFER_SHARE || i-- != 0) continue;
		MUST(item.value.len < SHARE_MAX);
		memcpy(out, item.value.ptr, item.value.len);
		out[item.value.len] = '\0';
		return;
	}
	house_die("a share is missing");
}

enum coffer_err founding_test_shares(struct yard *y, char shares[2][SHARE_MAX])
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_RECOVERY_TEST);
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, shares[i]);
	return founding_send(y, &a);
}

void founding_init(struct yard *y)
{
	struct ask a, b;
	uint8_t id[16];
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_COUNT, 3);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_THRESHOLD, 2);
	MUST(founding_send(y, &a) == ERR_OK);
	for (unsigned i = 0; i < 2; i++) founding_share(y->house, i, y->shares[i]);
	struct view field = house_field(y->house, TAG_COFFER_INIT_ID);
	MUST(field.len == sizeof id);
	memcpy(id, field.ptr, sizeof id);
	ask_one(&b, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&b.w, TAG_COFFER_INIT_ID, view_of(id, sizeof id));
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&b.w, TAG_COFFER_SHARE, y->shares[i]);
	MUST(founding_send(y, &b) == ERR_OK);
}

struct yard *founding_open(void)
{
	struct yard *y = calloc(1, sizeof *y);
	MUST(y);
	founding_open_empty(y);
	founding_init(y);
	return y;
}

void *founding_open_as_place(void)
{
	return founding_open();
}
