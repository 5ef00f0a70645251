/* What a backend tells of PINs (token/notice.h), for its tests. */
#ifndef COFFER_TESTS_UNIT_TOKEN_HEARD_H
#define COFFER_TESTS_UNIT_TOKEN_HEARD_H

#include "token/notice.h"

#define HEARD_MAX 16u

struct heard {
	struct token_notice notices[HEARD_MAX];
	unsigned count;
	enum coffer_err refuses; /* what is answered; ERR_OK: it is taken */
};

/* From now on it is told, from none; NULL: nobody. */
void heard_begin(struct heard *h);
/* Whether these steps came, one letter each (g goes, c changes, t taken), and no others; and from none again. */
bool heard_steps(struct heard *h, const char *steps);

#endif
