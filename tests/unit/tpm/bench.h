/* A TPM behind a proxy, a master secret made through it, attached, and a key that it wrapped. */
#ifndef COFFER_TESTS_UNIT_TPM_BENCH_H
#define COFFER_TESTS_UNIT_TPM_BENCH_H

#include "unit/tpm/helpers.h"
#include "unit/tpm/proxy.h"

struct bench {
	struct swtpm swtpm;
	struct proxy *proxy;
	struct token *t; /* attached */
	struct token_binding binding;
	struct secret *key;
	struct buf blob; /* the key, wrapped */
	unsigned wrong;  /* for the test to count in */
};

/* cmocka's; there is one bench. teardown takes back an alarm. */
int bench_setup(void **state);
int bench_teardown(void **state);
/* Closed, no fault under way, attached once more. */
void bench_attach_again(struct bench *b);
/* Unwraps: what comes is the key, or there is nothing. */
enum coffer_err bench_opens(struct bench *b, struct view blob);
/* Operations in one form. */
enum coffer_err do_attach(struct bench *b);
enum coffer_err do_unwrap(struct bench *b);
enum coffer_err do_probe(struct bench *b);

#endif
