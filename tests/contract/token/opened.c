/* Opening tokens. */
#include "contract/token/opened.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct token *open_token(const struct fixture *f)
{
	struct reason why = { "" };
	struct token *t = NULL;
	enum coffer_err err = token_backend.open(fixture_uri(f), &t, &why);
	if (err != ERR_OK) print_message("open: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_non_null(t);
	return t;
}

struct token *open_provisioned(const struct fixture *f, struct token_binding *binding)
{
	struct reason why = { "" };
	struct token *t = open_token(f);
	enum coffer_err err = token_backend.provision(t, binding, &why);
	if (err != ERR_OK) print_message("provision: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	return t;
}

struct token *open_attached(const struct fixture *f, const struct token_binding *binding)
{
	struct reason why = { "" };
	struct token *t = open_token(f);
	enum coffer_err err = token_backend.attach(t, binding, &why);
	if (err != ERR_OK) print_message("attach: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	return t;
}
