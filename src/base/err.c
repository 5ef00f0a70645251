/* Errors: names and sentences from err.def. */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	enum err_class class;
	const char *text;
} errors[ERR_COUNT] = {
	[ERR_OK] = { "OK", ERR_CLASS_ok, "done" },
#define ERR(name, cls, text) [ERR_##name] = { #name, ERR_CLASS_##cls, text },
#include "base/err.def"
#undef ERR
};

const char *err_name(enum coffer_err err)
{
	return (unsigned)err < ERR_COUNT ? errors[err].name : "?";
}

const char *err_text(enum coffer_err err)
{
	return (unsigned)err < ERR_COUNT ? errors[err].text : "internal error";
}

enum err_class err_class(enum coffer_err err)
{
	return (unsigned)err < ERR_COUNT ? errors[err].class : ERR_CLASS_bug;
}

void err_assert_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "coffer: %s failed at %s:%d\n", what, file, line);
	abort();
}
