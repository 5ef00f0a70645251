/* A new recovery key is made and proven, and a sealed node is opened by shares. Whatever fails: one of both sets of shares opens the domain and the other does not; a node is sealed or open; and the same asked
 * once more succeeds. */
#include <stdlib.h>
#include <string.h>

#include "fault/scenario.h"
#include "fault/founding.h"
#include "ops/attend.h"
#include "ops/recovery_change.h"

/* ---- recovery shares --new ---- */

static enum coffer_err confirm(struct yard *y, const uint8_t id[static 16], char shares[2][SHARE_MAX])
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_RECOVERY_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_RECOVERY_CHANGE_ID, view_of(id, 16));
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, shares[i]);
	return founding_send(y, &a);
}

static enum coffer_err run_shares(void *place, unsigned k)
{
	struct yard *y = place;
	struct ask a;
	uint8_t id[16];
	char made[2][SHARE_MAX];
	(void)k;
	house_tick(y->house);
	ask_one(&a, OPERATION_COFFER_RECOVERY_NEW);
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_COUNT, 3);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_THRESHOLD, 2);
	TRY(founding_send(y, &a));
	for (unsigned i = 0; i < 2; i++) founding_share(y->house, i, made[i]);
	struct view field = house_field(y->house, TAG_COFFER_RECOVERY_CHANGE_ID);
	MUST(field.len == sizeof id);
	memcpy(id, field.ptr, sizeof id);
	enum coffer_err err = confirm(y, id, made);
	/* Refused or not known: the sheets in hand are still good, or the new ones are. */
	if (err) y->maybe = true;
	memcpy(err ? y->next : y->shares, made, sizeof made);
	return err;
}

/* After a run that succeeded: the sheets that it handed out open the domain, and those of a run before that failed do not. */
static void judge_shares(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	MUST(house_count(y->house, STORE_RECOVERY) == 1);
	MUST_OK(founding_test_shares(y, y->shares));
	if (y->maybe) MUST(founding_test_shares(y, y->next) != ERR_OK);
	y->maybe = false;
}

/* ---- unseal ---- */

static void *open_sealed(void)
{
	struct yard *y = founding_open();
	y->house->daemon.engine.attend = attend_new();
	MUST(y->house->daemon.engine.attend);
	return y;
}

/* As after a start whose token does not open. */
static void seal(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = &y->house->daemon.engine;
	(void)k;
	pthread_mutex_lock(&e->admin_lock);
	e->state = ENGINE_SEALED;
	MUST_OK(e->set_ring(e, NULL));
	pthread_mutex_unlock(&e->admin_lock);
}

static enum coffer_err run_unseal(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = &y->house->daemon.engine;
	struct ask a;
	(void)k;
	house_tick(y->house);
	if (engine_state_get(e) == ENGINE_OPEN) return ERR_OK; /* done, though the answer was lost */
	attend_forget_shares(e->attend); /* of a try before */
	ask_one(&a, OPERATION_COFFER_UNSEAL);
	ttlv_put_i32(&a.w, TAG_COFFER_UNSEAL_WAY, 3);
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, y->shares[i]);
	enum coffer_err err = founding_send(y, &a);
	enum engine_state state = engine_state_get(e);
	MUST(state == ENGINE_OPEN || state == ENGINE_SEALED);
	MUST((txn_ring(e->txn) != NULL) == (state == ENGINE_OPEN));
	return err;
}

static void judge_unseal(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	MUST(engine_state_get(&y->house->daemon.engine) == ENGINE_OPEN);
	MUST_OK(founding_test_shares(y, y->shares));
}

static void close_sealed(void *place)
{
	struct yard *y = place;
	struct attend *attend = y->house->daemon.engine.attend;
	founding_close(y);
	attend_free(attend);
}

const struct scenario recovery_scenarios[] = {
	{ .name = "recovery shares --new", .places = AT_HOUSE, .rounds = 100, .stride = 61, .open = founding_open_as_place, .run = run_shares, .judge = judge_shares,
	  .close = founding_close_as_place },
	{ .name = "unseal by shares", .places = AT_HOUSE, .rounds = 100, .stride = 29, .open = open_sealed, .prepare = seal, .run = run_unseal, .judge = judge_unseal, .close = close_sealed },
	{ .name = NULL },
};
