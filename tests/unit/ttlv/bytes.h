/* Hex text with spaces into bytes, for tables of messages. */
#ifndef COFFER_TESTS_UNIT_TTLV_BYTES_H
#define COFFER_TESTS_UNIT_TTLV_BYTES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"
#include "base/view.h"

/* out must be large enough for every digit pair of text. */
static inline struct view bytes_of(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;
	char pair[2];
	for (size_t have = 0; *text; text++) {
		if (*text == ' ' || *text == '|') continue;
		pair[have++] = *text;
		if (have < 2) continue;
		have = 0;
		assert_true(len < cap);
		assert_int_equal(text_unhex(view_of(pair, 2), out + len++, 1), ERR_OK);
	}
	return view_of(out, len);
}

#endif
