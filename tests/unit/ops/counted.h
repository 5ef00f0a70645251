/* Audit rows of what was counted, as tests look at them. */
#ifndef COFFER_TESTS_OPS_COUNTED_H
#define COFFER_TESTS_OPS_COUNTED_H

#include "unit/ops/vendor.h"

/* The newest audit row, and how many there are. */
struct newest {
	char text[320]; /* "Encrypt unix:4001 ok: details" */
	uint64_t rows;
	uint8_t object[UUID_LEN];
};

/* For audit_read: the row into arg, a struct newest. */
enum coffer_err counted_keep(void *arg, const struct audit_event *event);
void counted_look(struct fix *f, struct newest *out);
/* The test fails when the row begins with another text. */
void counted_begins(const struct newest *n, const char *text);
/* Writes all that was counted; how many rows it was. */
uint64_t counted_tell(struct fix *f);

#endif
