/* From fault to open. */
#include "ops/open_again.h"

bool open_failure_passes(enum coffer_err err)
{
	switch (err_class(err)) {
	case ERR_CLASS_token: case ERR_CLASS_memory: case ERR_CLASS_crypto: return true; /* of what is damaged the error is another one */
	case ERR_CLASS_io: return err != ERR_SCHEMA;
	default: return err == ERR_BUSY || err == ERR_AUTH; /* the other nodes write too; a wrong PIN is put right by an operator */
	}
}

enum coffer_err open_again(struct engine *engine, struct reason *reason)
{
	if (engine_state_get(engine) != ENGINE_FAULT) return ERR_OK;
	enum coffer_err err = engine->open(engine, reason);
	if (!err) return ERR_OK;
	bool passes = open_failure_passes(err);
	engine_note(engine, "%saccepted, but it does not open%s: %s", passes ? "sealed: " : "", passes ? " yet" : "", reason_text(reason, err));
	if (passes && engine->open_later) {
		engine->state = ENGINE_SEALED;
		engine->open_later(engine);
	}
	return err;
}
