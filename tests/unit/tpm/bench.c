/* The bench of tests that put faults between Coffer and a TPM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/tpm/bench.h"

int bench_setup(void **state)
{
	static struct bench bench;
	bench = (struct bench){ .blob = BUF_EMPTY };
	swtpm_init(&bench.swtpm);
	bench.proxy = proxy_new(&bench.swtpm);
	proxy_quiet(bench.proxy);
	bench.key = help_key();
	bench.t = help_provision(proxy_uri(bench.proxy), &bench.binding);
	help_wrap(bench.t, bench.key, &bench.blob);
	*state = &bench;
	return 0;
}

int bench_teardown(void **state)
{
	struct bench *b = *state;
	(void)alarm(0);
	token_backend.close(b->t);
	secret_free(b->key);
	buf_free(&b->blob);
	proxy_free(b->proxy);
	swtpm_done(&b->swtpm);
	return 0;
}

void bench_attach_again(struct bench *b)
{
	token_backend.close(TAKE(b->t));
	proxy_clear(b->proxy);
	b->t = help_attach(proxy_uri(b->proxy), &b->binding);
}

enum coffer_err bench_opens(struct bench *b, struct view blob)
{
	AUTO_SECRET struct secret *back = NULL;
	enum coffer_err err = token_backend.unwrap(b->t, blob, &back, NULL);
	if (err == ERR_OK) assert_true(secret_equal(back, b->key));
	else assert_null(back);
	return err;
}

enum coffer_err do_attach(struct bench *b)
{
	return token_backend.attach(b->t, &b->binding, NULL);
}

enum coffer_err do_unwrap(struct bench *b)
{
	return bench_opens(b, buf_view(&b->blob));
}

enum coffer_err do_probe(struct bench *b)
{
	return token_backend.probe(b->t, NULL);
}
