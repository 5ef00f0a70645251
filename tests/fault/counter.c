/* The counter, and who asks it. */
#include "fault/counter.h"

#include <string.h>

#include "fault/fault.h"
#include "ops/anchor.h"
#include "token/channel.h"
#include "unit/store/fault_vfs.h"

struct counter_chip counter_chip;

/* Commands fail before and after they took effect: the error of on_call comes behind this. */
enum coffer_err counter_answers(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	struct counter_chip *chip = &counter_chip;
	if (op == CHANNEL_COUNTER_DROP) chip->there = false;
	bool takes = chip->there && memcmp(chip->auth, w->auth.ptr, sizeof chip->auth) == 0;
	if (op == CHANNEL_COUNTER_MAKE && !takes && (w->replace || !chip->there)) {
		chip->there = takes = true;
		memcpy(chip->auth, w->auth.ptr, sizeof chip->auth);
	}
	out->state = takes ? TOKEN_COUNTER_WELL : chip->there ? TOKEN_COUNTER_OTHER : TOKEN_COUNTER_NONE;
	if (takes && (op == CHANNEL_COUNTER_MAKE || (op == CHANNEL_COUNTER_RAISE && chip->value == w->from))) chip->value++;
	out->value = takes ? chip->value : 0;
	out->ref = (struct token_counter_ref){ .data = { 7 }, .len = 1, .place = "a place" };
	return ERR_OK;
}

void counter_forget(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	anchor_free(e->anchor);
	e->anchor = anchor_new();
	e->anchor_fault = false;
	MUST(e->anchor);
}

enum coffer_err counter_check_anew(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	struct reason why = { "" };
	counter_forget(h);
	fault_back();
	fault_vfs_pause(false);
	enum coffer_err err = anchor_check(e, &why);
	fault_vfs_pause(true);
	fault_aside();
	if (e->anchor_fault) house_die("taken for a rollback: %s", why.text);
	return err;
}
