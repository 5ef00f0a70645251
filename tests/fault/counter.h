/* A token's counter, which only goes up, as a fake_token's on_counter asks it. */
#ifndef COFFER_TESTS_FAULT_COUNTER_H
#define COFFER_TESTS_FAULT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "fault/house.h"
#include "token/counter.h"

extern struct counter_chip {
	bool there;
	uint64_t value;
	uint8_t auth[TOKEN_COUNTER_AUTH_LEN];
} counter_chip;

/* fake_token's on_counter. */
enum coffer_err counter_answers(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out);
/* A start, in the faults' way: what is known of the token is forgotten, and asked again. A store that is taken for an older one ends the program. */
enum coffer_err counter_check_anew(struct house *h);
/* The same without the question. */
void counter_forget(struct house *h);

#endif
