/* From a backend to the channel of its program. */
#include "token/notice.h"

#include "base/ct.h"
#include "crypto/hash.h"

#define LABEL "coffer v1 pin mark"

static enum coffer_err (*tell_whom)(void *arg, const struct token_notice *notice);
static void *tell_arg;

void token_notice_to(enum coffer_err (*tell)(void *arg, const struct token_notice *notice), void *arg)
{
	tell_whom = tell;
	tell_arg = arg;
}

enum coffer_err token_notice(enum token_pin_step step, const struct secret *pin, struct reason *reason)
{
	struct token_notice notice = { .step = step };
	const struct view parts[] = { view_str(LABEL), secret_view(pin) };
	if (!tell_whom) return ERR_OK;
	enum coffer_err err = hash_parts(HASH_SHA256, parts, 2, notice.mark);
	if (err == ERR_OK) err = tell_whom(tell_arg, &notice);
	wipe(notice.mark, sizeof notice.mark);
	if (err == ERR_OK || err == ERR_CRYPTO || err == ERR_MEMORY) return err;
	return reason_fail(reason, ERR_TOKEN_GONE, "nobody waits for the token any more, so it is not sent the PIN");
}
