/* From fault to open. */
#include "ops/open_again.h"

bool open_failure_passes(enum coffer_err err)
{
	enum err_class class = err_class(err);
	return class == ERR_CLASS_memory || class == ERR_CLASS_io || class == ERR_CLASS_token || err == ERR_TIMEOUT || err == ERR_BUSY; /* the other nodes write too */
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
