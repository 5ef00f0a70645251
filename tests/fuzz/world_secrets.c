/* No answer holds key material that its reader may not have. */
#include <string.h>

#include "fuzz/world_internal.h"

#define SHOWN 16u /* bytes that count as a key that was seen */

static bool holds(struct view bytes, const struct world_secret *s)
{
	return memmem(bytes.ptr, bytes.len, s->material, SHOWN) != NULL;
}

/* Owners get what is not sensitive, or make it so first; administrators can give themselves a role. Nobody else's role reads keys here. */
static bool may_have(unsigned uid, const struct world_secret *s)
{
	return uid == WORLD_ADMIN || uid == s->owner;
}

void world_check_secrets(struct world *w, unsigned uid, struct view frame, struct view answer)
{
	for (size_t i = 0; i < w->secret_count; i++) {
		struct world_secret *s = &w->secrets[i];
		if (holds(frame, s)) s->said = true;
		REQUIRE(s->said || may_have(uid, s) || !holds(answer, s));
	}
}
