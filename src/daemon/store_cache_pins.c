/* Names that are looked for, one after the other. */
#include "daemon/store_cache_pins.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "keyring/cache.h"
#include "ops/kmip_replace.h"

#define ROUND_MS 60000u /* where nothing was changed */
#define SOON_MS 1000u

void store_cache_pins_free(struct store_cache_pins *pins)
{
	for (size_t i = 0; i < pins->count; i++) free(pins->list[i].word);
	free(pins->list);
	free(pins->text);
	*pins = (struct store_cache_pins){ .text = NULL };
}

enum coffer_err store_cache_pins_set(struct store_cache_pins *pins, const char *text)
{
	struct store_cache_pins fresh = { .text = strdup(text), .list = calloc(STORE_CACHE_PINS_MAX, sizeof *fresh.list) };
	bool whole = fresh.text && fresh.list;
	for (const char *at = text; whole && fresh.count < STORE_CACHE_PINS_MAX && *(at += strspn(at, " \t"));) {
		size_t len = strcspn(at, " \t");
		fresh.list[fresh.count].word = strndup(at, len);
		whole = fresh.list[fresh.count++].word != NULL;
		at += len;
	}
	if (!whole) {
		store_cache_pins_free(&fresh);
		return ERR_MEMORY;
	}
	store_cache_pins_free(pins);
	*pins = fresh;
	return ERR_OK;
}

bool store_cache_pins_note(struct store_cache_pin *pin, const uint8_t id[static UUID_LEN])
{
	if (pin->count == STORE_CACHE_PIN_VERSIONS) return false;
	memcpy(pin->ids[pin->count++], id, UUID_LEN);
	return true;
}

bool store_cache_pins_has(const struct store_cache_pins *pins, const uint8_t id[static UUID_LEN])
{
	for (size_t i = 0; i < pins->count; i++)
		for (size_t n = 0; n < pins->list[i].count; n++)
			if (memcmp(pins->list[i].ids[n], id, UUID_LEN) == 0) return true;
	return false;
}

void store_cache_pins_look_again(struct store_cache_pins *pins)
{
	uint64_t soon = pins->begun_ms + SOON_MS;
	if (pins->after_ms > soon) pins->after_ms = soon;
}

/* ---- looking ---- */

static enum coffer_err find(struct txn *txn, const char *word, struct object **out)
{
	uint8_t id[UUID_LEN];
	struct view text = view_str(word);
	return text_parse_uuid(text, id) == ERR_OK ? txn_object(txn, id, out) : txn_object_by_name(txn, text, out);
}

/* What is destroyed opens nothing: it takes no room. */
static bool take(struct daemon *d, struct store_cache_pin *pin, const struct object *o)
{
	struct store_cache *c = &d->cache;
	uint32_t kept = 0;
	if (!o->material) return true;
	if (!store_cache_pins_note(pin, o->id)) return false;
	if (cache_version(c->cache, STORE_OBJECT, view_of(o->id, UUID_LEN), &kept) != ERR_OK || kept < o->record_version) (void)store_cache_wants_add(&c->wants, o->id, o->record_version);
	return true;
}

static bool is_gone(enum coffer_err err)
{
	return err == ERR_NOT_FOUND || err == ERR_CORRUPT;
}

/* The newest version, and those that it replaced. *pin is as it was after an error of the database. */
static enum coffer_err look(struct daemon *d, struct store_cache_pin *pin)
{
	AUTO_OBJECT struct object *o = NULL;
	struct store_cache_pin now = { .word = pin->word, .said = pin->said };
	uint8_t before[UUID_LEN];
	bool room = true;
	enum coffer_err err = find(d->engine.txn, pin->word, &o);
	if (err && !is_gone(err)) return err;
	for (unsigned n = 0; o && room && n < STORE_CACHE_PIN_VERSIONS; n++) {
		struct object *older = NULL;
		room = take(d, &now, o);
		if (!kmip_replaced_object(o, before)) break;
		err = txn_object(d->engine.txn, before, &older);
		if (err && !is_gone(err)) return err;
		object_unref(o);
		o = older;
	}
	if (!now.count && !now.said) log_warn("cache_pin: '%s' is the name of nothing that can be opened", pin->word);
	now.said = !now.count;
	*pin = now;
	return ERR_OK;
}

static enum coffer_err look_for(struct daemon *d, struct store_cache_pin *pin)
{
	TRY(txn_begin(d->engine.txn, NULL));
	enum coffer_err err = look(d, pin);
	txn_abort(d->engine.txn);
	return err;
}

static void tell(struct daemon *d)
{
	struct store_cache_pins *pins = &d->cache.pins;
	struct engine_cache *told = &d->engine.cache;
	uint64_t objects = 0, unfound = 0, unkept = 0;
	for (size_t i = 0; i < pins->count; i++) {
		const struct store_cache_pin *pin = &pins->list[i];
		objects += pin->count;
		unfound += !pin->count;
		for (size_t n = 0; n < pin->count; n++) {
			uint32_t kept = 0;
			unkept += cache_version(d->cache.cache, STORE_OBJECT, view_of(pin->ids[n], UUID_LEN), &kept) != ERR_OK || !kept;
		}
	}
	told->pins = pins->count;
	told->pinned = objects;
	told->pins_unfound = unfound;
	told->pins_unkept = unkept;
	pins->after_ms = clock_mono_ms() + (unkept && !pins->full ? SOON_MS : ROUND_MS);
	if (!unkept) pins->full = false;
}

void store_cache_pins_care(struct daemon *d)
{
	struct store_cache_pins *pins = &d->cache.pins;
	const char *text = d->engine.config->cache_pin;
	uint64_t now_ms = clock_mono_ms();
	if ((!pins->text || strcmp(pins->text, text) != 0) && store_cache_pins_set(pins, text) != ERR_OK) return;
	if (!pins->next && now_ms < pins->after_ms) return;
	if (!pins->next) pins->begun_ms = now_ms;
	if (pins->next < pins->count) {
		if (look_for(d, &pins->list[pins->next]) != ERR_OK) {
			pins->next = 0;
			pins->after_ms = now_ms + SOON_MS;
			return;
		}
	}
	if (pins->next + 1 < pins->count) {
		pins->next++;
		return;
	}
	pins->next = 0;
	tell(d);
}
