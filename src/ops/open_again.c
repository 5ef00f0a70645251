/* From fault to open. */
#include "ops/open_again.h"

enum coffer_err open_again(struct engine *engine, struct reason *reason)
{
	if (engine_state_get(engine) != ENGINE_FAULT) return ERR_OK;
	enum coffer_err err = engine->open(engine, reason);
	if (!err) return ERR_OK;
	bool passes = err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_io || err_class(err) == ERR_CLASS_token;
	engine_note(engine, "%saccepted, but it does not open%s: %s", passes ? "sealed: " : "", passes ? " yet" : "", reason_text(reason, err));
	if (passes && engine->open_later) {
		engine->state = ENGINE_SEALED;
		engine->open_later(engine);
	}
	return err;
}
