/* The founding of a house. */
#include "fault/founding.h"

#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"
#include "unit/ops/fixture.h"

static enum coffer_err token_answers(void)
{
	return fault_strikes(FAULT_AT_TOKEN) ? (enum coffer_err)fault_code() : ERR_OK;
}

void founding_open_empty(struct yard *y)
{
	fake_token_init(&y->token);
	y->token.on_thread = fault_aside;
	y->token.on_call = token_answers;
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
