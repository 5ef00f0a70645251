/* What status says of the recovery in force. */
#include <stdio.h>
#include <string.h>

#include "ops/recovery_change.h"

/* Never proven, or proven before it was replaced: 0. */
static uint64_t drilled_s(struct txn *txn, const struct stanza *stanza)
{
	struct recovery_drill drill;
	if (recovery_get_drill(txn_store(txn), txn_ring(txn), &drill) != ERR_OK) return 0;
	return memcmp(drill.key_id, stanza->key_id, RECOVERY_KEY_ID_LEN) == 0 ? drill.time_ms / 1000 : 0;
}

void recovery_describe(struct engine *engine, struct txn *txn)
{
	struct store_row row;
	struct stanza stanza;
	AUTO_BUF struct buf body = BUF_EMPTY;
	char text[sizeof engine->recovery], set[RECOVERY_SET_NAME] = "";
	uint64_t drilled = 0;
	enum coffer_err err = recovery_load(txn_store(txn), txn_ring(txn), &row, &stanza, &body, NULL);
	if (!err) recovery_set_name(&stanza, set);
	if (!err) drilled = drilled_s(txn, &stanza);
	if (err == ERR_NOT_FOUND) snprintf(text, sizeof text, "none: if this token is lost, everything is lost");
	else if (err) snprintf(text, sizeof text, "damaged: the recovery stanza does not verify; make a new one with 'coffer recovery shares --new'");
	else if (stanza.mode == STANZA_SHARES) snprintf(text, sizeof text, "shares: any %u of %u (set %s)", stanza.shares.k, stanza.shares.n, set);
	else snprintf(text, sizeof text, "passphrase (set %s)", set);
	pthread_mutex_lock(&engine->note_lock);
	memcpy(engine->recovery, text, sizeof text);
	engine->recovery_drilled_s = drilled;
	pthread_mutex_unlock(&engine->note_lock);
}
