/* What a backend tells of PINs. */
#include "heard.h"

#include <string.h>

static enum coffer_err hear(void *arg, const struct token_notice *notice)
{
	struct heard *h = arg;
	if (h->count < HEARD_MAX) h->notices[h->count++] = *notice;
	return h->refuses;
}

void heard_begin(struct heard *h)
{
	if (h) *h = (struct heard){ .count = 0 };
	token_notice_to(h ? hear : NULL, h);
}

bool heard_steps(struct heard *h, const char *steps)
{
	bool same = strlen(steps) == h->count;
	for (unsigned i = 0; same && i < h->count; i++) same = steps[i] == " gct"[h->notices[i].step];
	h->count = 0;
	return same;
}
