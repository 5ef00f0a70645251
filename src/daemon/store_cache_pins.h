/* What stays in a node's cache although nobody uses it (configuration key cache_pin, docs/formats.md section 23.5): objects by Name or UUID, and their earlier versions, which open what was sealed before. Each is
 * read from the database at once, leaves only for what a start needs, and is forgotten and read anew as any other when it is changed. Store thread. */
#ifndef COFFER_DAEMON_STORE_CACHE_PINS_H
#define COFFER_DAEMON_STORE_CACHE_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

#define STORE_CACHE_PINS_MAX 64u    /* as the configuration allows */
#define STORE_CACHE_PIN_VERSIONS 32u /* the newest so many of each */

struct daemon;
struct object;

struct store_cache_pin {
	char *word;                   /* a Name, or a UUID */
	uint8_t ids[STORE_CACHE_PIN_VERSIONS][UUID_LEN];
	size_t count;                 /* 0: nothing has that name */
	bool said;                    /* so, in the log */
};

struct store_cache_pins {
	char *text;                   /* of the configuration, as it was taken; NULL: not yet */
	struct store_cache_pin *list;
	size_t count, next;           /* next: whose turn it is in the round under way */
	uint64_t after_ms;            /* clock_mono_ms: the next round does not begin before */
	uint64_t begun_ms;            /* the last one did then */
	bool full;                    /* said once */
};

/* The words of text, separated by blanks; what was known of others is forgotten. ERR_MEMORY: as it was. */
enum coffer_err store_cache_pins_set(struct store_cache_pins *pins, const char *text) MUST_USE;
void store_cache_pins_free(struct store_cache_pins *pins);
/* False: this pin has as many versions as it can. */
bool store_cache_pins_note(struct store_cache_pin *pin, const uint8_t id[static UUID_LEN]);
bool store_cache_pins_has(const struct store_cache_pins *pins, const uint8_t id[static UUID_LEN]);
/* Objects were changed: names may be others' now. */
void store_cache_pins_look_again(struct store_cache_pins *pins);

/* One of them at a time is looked for and, where the cache has not got it, wanted. The node is open, its cache well, and no transaction under way. */
void store_cache_pins_care(struct daemon *d);

#endif
