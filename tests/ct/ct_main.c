/* Runs every case and compares what memcheck counted with what the case says. Under valgrind alone: see CMakeLists.txt. */
#include "ct/ct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto/ossl_mem.h"
#include "test_arena.h"
#include "unit/keyring/fixture.h"

void ct_hide(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

void ct_show(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

bool ct_is_hidden(const void *p, size_t len)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; i < len; i++) {
		unsigned char bits = 0;
		if (VALGRIND_GET_VBITS(bytes + i, &bits, 1) == 1 && bits) return true;
	}
	return false;
}

enum coffer_err ct_take(void *p, size_t len)
{
	if (!ct_is_hidden(p, len)) return ERR_STATE;
	ct_show(p, len);
	return ERR_OK;
}

struct secret *ct_secret(unsigned first, size_t len)
{
	struct secret *s = secret_new(len);
	if (!s) abort();
	for (size_t i = 0; i < len; i++) secret_mut(s)[i] = (unsigned char)(first + i);
	ct_hide(secret_mut(s), len);
	return s;
}

static bool run(const struct ct_case *c)
{
	fprintf(stderr, "== %s\n", c->name);
	unsigned before = (unsigned)VALGRIND_COUNT_ERRORS;
	enum coffer_err err = c->run();
	unsigned found = (unsigned)VALGRIND_COUNT_ERRORS - before;
	bool as_wanted = err == ERR_OK && (found > 0) == (c->kind == CT_CONTROL);
	printf("%-4s %s: %u reports%s%s%s\n", as_wanted ? "ok" : "BAD", c->name, found, c->kind == CT_CONTROL ? " (control)" : "",
		err ? ", " : "", err ? err_name(err) : "");
	return as_wanted;
}

int main(int argc, char **argv)
{
	static const struct ct_case *const tables[] = { ct_base, ct_crypto, ct_openssl, ct_keyring, ct_recovery, ct_kmip };
	unsigned passed = 0, failed = 0;
	if (!RUNNING_ON_VALGRIND) {
		fprintf(stderr, "ct_check: says nothing outside of valgrind; run ctest -R ct_check\n");
		return 2;
	}
	if (setup_arena(NULL) != 0 || ossl_mem_install() != ERR_OK || fixture_start(NULL) != 0) return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (const struct ct_case *c = tables[t]; c->name; c++) {
			if (argc > 1 && !strstr(c->name, argv[1])) continue;
			if (run(c)) passed++;
			else failed++;
		}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 9;
}
