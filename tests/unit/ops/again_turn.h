/* Messages that come again and again, asked as a worker asks them, for tests of ops/again.h. */
#ifndef COFFER_TESTS_OPS_AGAIN_TURN_H
#define COFFER_TESTS_OPS_AGAIN_TURN_H

#include "kmip/alike.h"
#include "unit/ops/vendor.h"

#define AGAIN_TEXT_MAX 9000u

struct again_test {
	struct fix *f;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct kmip_request room;
	struct kmip_alike alike;
	struct buf answer;
	size_t before; /* bytes of other answers that stand before it */
};

enum way { RUN, REPEAT };

/* cmocka setup and teardown of one test: *state is a struct again_test. */
int again_start(void **state);
int again_stop(void **state);
/* As a worker runs it, into room that it lends, which is t->answer; REPEAT: it remembers what came before. False: it has to go to another thread. */
bool again_ask(struct again_test *t, enum way way, const struct ask *a);
/* What was answered; borrowed until the next. */
struct view again_answer(const struct again_test *t);
/* Items that went well. */
unsigned again_went_well(const struct again_test *t, struct kmip_response *out);
struct view again_field(const struct kmip_response *response, size_t item, uint32_t tag);
/* What differs from message to message. */
struct view again_text(uint8_t *bytes, size_t len, unsigned n);
/* Seal or Encrypt of `len` bytes; and the way back of what was answered to it with the same numbers. */
void again_protect(struct again_test *t, struct ask *a, bool seals, unsigned items, size_t len, unsigned n);
void again_back(struct again_test *t, struct ask *a, const struct kmip_response *of, bool seals, unsigned n);
/* The answers have the same fields of the same lengths, and the same bytes where they are no Byte Strings. */
void again_assert_shape(struct view a, struct view b);
/* On any lane, which sets another block of invocations aside when none is left (objects/seal_budget.h). */
void again_use_once(struct again_test *t);

#endif
