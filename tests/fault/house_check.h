/* What must hold in the house (house.h). */
#ifndef COFFER_TESTS_FAULT_HOUSE_CHECK_H
#define COFFER_TESTS_FAULT_HOUSE_CHECK_H

#include "fault/house.h"

/* Takes what the store holds as what is right. */
void house_check_begin(struct house *h);
/* The store holds what it held. */
void house_check_same(struct house *h);
/* The answer to a request, and the store after it. */
enum coffer_err house_check_answer(struct house *h, struct request *r);

#endif
