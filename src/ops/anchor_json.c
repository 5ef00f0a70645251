/* What protects against an older store, how far it reaches, and what it costs the token. */
#include "ops/anchor_json.h"

#include "base/clock.h"
#include "ops/anchor.h"

#define DAY_S 86400u

static const char *sentence_of(const struct engine *engine, const struct anchor_facts *f)
{
	if (f->sentence[0]) return f->sentence;
	if (f->level != ANCHOR_NONE) return "";
	return engine->config->store_shared ? "rollback protection: none in the token; an older database is noticed by each node's mark of it"
		: "rollback protection: none in the token; an older store is noticed by the mark beside it, an older copy of the whole state folder is not";
}

/* Raises that the token is still good for. */
static uint64_t left_of(uint64_t raises)
{
	return raises < ANCHOR_ENDURANCE ? ANCHOR_ENDURANCE - raises : 0;
}

/* At the pace so far, which is known from the second day on. */
static void put_years(struct json_out *j, uint64_t raises, uint64_t made_s)
{
	uint64_t now = clock_wall_s();
	if (!made_s || !raises || now < made_s + DAY_S) return;
	double years = (double)left_of(raises) / (double)raises * (double)(now - made_s) / (365.25 * DAY_S);
	json_u64(j, "years_left", (uint64_t)(years + 0.5));
}

static void put_counter(struct json_out *j, struct engine *engine, const struct anchor_facts *f, uint64_t root_version)
{
	uint64_t raises = f->counter > f->first ? f->counter - f->first : 0;
	json_str(j, "place", f->place);
	json_u64(j, "counter", f->counter);
	json_u64(j, "anchored_version", f->root_version);
	if (root_version) {
		json_u64(j, "version", root_version);
		json_u64(j, "unanchored", root_version > f->root_version ? root_version - f->root_version : 0);
	}
	json_u64(j, "raised_at", f->raised_ms / 1000);
	json_u64(j, "made_at", f->made_ms / 1000);
	json_u64(j, "raises", raises);
	json_u64(j, "raises_left", left_of(raises));
	put_years(j, raises, f->made_ms / 1000);
	if (engine->anchor_spacing_ms) json_u64(j, "interval_s", engine->anchor_spacing_ms(engine) / 1000);
}

void anchor_json(struct engine *engine, uint64_t root_version, struct json_out *j)
{
	struct anchor_facts f;
	anchor_facts(engine->anchor, &f);
	if (f.level == ANCHOR_UNKNOWN) return;
	json_begin(j, "rollback");
	json_str(j, "protection", anchor_level_name(f.level));
	json_str(j, "health", f.level == ANCHOR_REFUSED ? "fault" : f.late || f.level == ANCHOR_BROKEN ? "late" : "well");
	json_str(j, "sentence", sentence_of(engine, &f));
	if (f.level == ANCHOR_TOKEN) put_counter(j, engine, &f, root_version);
	json_u64(j, "overridden", f.overridden);
	json_u64(j, "overridden_at", f.overridden_ms / 1000);
	json_u64(j, "overridden_from", f.overridden_from);
	json_u64(j, "overridden_to", f.overridden_to);
	json_end(j);
}
