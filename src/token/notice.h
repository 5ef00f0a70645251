/* What coffer-tokend tells of a PIN while a call is under way, so that cofferd knows of a helper that it ends whether the token had the PIN: a wrong one would be sent again.
 * The mark stands for the PIN, as secret as it is: SHA-256 of a label and the PIN. */
#ifndef COFFER_TOKEN_NOTICE_H
#define COFFER_TOKEN_NOTICE_H

#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"

#define TOKEN_PIN_MARK_LEN 32u /* bytes */

enum token_pin_step {
	TOKEN_PIN_GOES = 1, /* about to be sent to the token */
	TOKEN_PIN_CHANGES,  /* about to be replaced in the token by another one */
	TOKEN_PIN_TAKEN     /* the token has taken it */
};

struct token_notice {
	enum token_pin_step step;
	uint8_t mark[TOKEN_PIN_MARK_LEN];
};

/* Who is told from now on; NULL: nobody. Before the token is opened, in its thread. */
void token_notice_to(enum coffer_err (*tell)(void *arg, const struct token_notice *notice), void *arg);
/* A backend calls it before it sends or changes a PIN, which it leaves when this fails (ERR_TOKEN_GONE: nobody waits for the token any more; ERR_MEMORY, ERR_CRYPTO), and
 * behind a PIN that was taken. pin: the one that is sent, taken, or to be replaced. */
enum coffer_err token_notice(enum token_pin_step step, const struct secret *pin, struct reason *reason) MUST_USE;

#endif
