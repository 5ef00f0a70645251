/* base/: comparing, hex and base32 of secrets. */
#include <string.h>

#include "base/ct.h"
#include "base/text.h"
#include "ct/ct.h"

bool __real_ct_equal(const void *a, const void *b, size_t len);
bool __real_ct_is_zero(const void *a, size_t len);

#define LEN 37u

/* Equal, different in the first byte, different in the last one. */
static enum coffer_err equal(void)
{
	unsigned char a[LEN], b[LEN];
	for (int at = -1; at < (int)LEN; at += (int)LEN) {
		memset(a, 7, sizeof a);
		memset(b, 7, sizeof b);
		if (at >= 0) b[at] = 8;
		ct_hide(a, sizeof a);
		bool same = __real_ct_equal(a, b, sizeof a);
		TRY(ct_take(&same, sizeof same));
		ENSURE(same == (at < 0), ERR_STATE);
	}
	return ERR_OK;
}

static enum coffer_err is_zero(void)
{
	unsigned char a[LEN] = { 0 };
	ct_hide(a, sizeof a);
	bool zero = __real_ct_is_zero(a, sizeof a);
	TRY(ct_take(&zero, sizeof zero));
	return zero ? ERR_OK : ERR_STATE;
}

static enum coffer_err secrets_equal(void)
{
	AUTO_SECRET struct secret *a = ct_secret(1, LEN);
	AUTO_SECRET struct secret *b = ct_secret(1, LEN);
	AUTO_SECRET struct secret *c = ct_secret(2, LEN);
	return secret_equal(a, b) && !secret_equal(a, c) ? ERR_OK : ERR_STATE;
}

static enum coffer_err memcmp_control(void)
{
	int (*volatile compare)(const void *, const void *, size_t) = memcmp; /* forbidden-calls does not see a pointer */
	unsigned char a[LEN] = { 1 }, b[LEN] = { 1 };
	ct_hide(a, sizeof a);
	int order = compare(a, b, sizeof a);
	ct_show(&order, sizeof order);
	return order == 0 ? ERR_OK : ERR_STATE;
}

static enum coffer_err hex(void)
{
	AUTO_SECRET struct secret *s = ct_secret(0x35, 32);
	char text[65];
	uint8_t back[32];
	text_hex(secret_view(s), text);
	ENSURE(ct_is_hidden(text, 64), ERR_STATE);
	TRY(text_unhex(view_of(text, 64), back, sizeof back));
	TRY(ct_take(back, sizeof back));
	return back[0] == 0x35 && back[31] == 0x54 ? ERR_OK : ERR_STATE;
}

static enum coffer_err hex_control(void)
{
	static const volatile char digits[] = "0123456789abcdef";
	unsigned char secret = 0x5a;
	ct_hide(&secret, 1);
	char c = digits[secret >> 4];
	ct_show(&c, 1);
	return c == '5' ? ERR_OK : ERR_STATE;
}

static enum coffer_err base32(void)
{
	AUTO_SECRET struct secret *s = ct_secret(0x11, 16);
	char text[32];
	uint8_t back[16];
	size_t len = 0;
	text_base32(secret_view(s), text);
	ENSURE(ct_is_hidden(text, 26), ERR_STATE);
	TRY(text_unbase32(view_of(text, 26), back, sizeof back, &len));
	ENSURE(len == 16, ERR_STATE);
	TRY(ct_take(back, sizeof back));
	return back[0] == 0x11 && back[15] == 0x20 ? ERR_OK : ERR_STATE;
}

/* A character that is none is refused in the same way. */
static enum coffer_err base32_refused(void)
{
	char text[] = "AAAAAAA!";
	uint8_t back[5];
	size_t len = 0;
	ct_hide(text, 8);
	return text_unbase32(view_of(text, 8), back, sizeof back, &len) == ERR_INPUT ? ERR_OK : ERR_STATE;
}

/* Freeing wipes; the canary behind the block is not a secret. */
static enum coffer_err arena_block(void)
{
	secret_free(ct_secret(1, 100));
	return ERR_OK;
}

const struct ct_case ct_base[] = {
	{ "ct_equal", CT_CLEAN, equal },
	{ "ct_is_zero", CT_CLEAN, is_zero },
	{ "secret_equal", CT_CLEAN, secrets_equal },
	{ "memcmp", CT_CONTROL, memcmp_control },
	{ "text_hex, text_unhex", CT_CLEAN, hex },
	{ "a hex table", CT_CONTROL, hex_control },
	{ "text_base32, text_unbase32", CT_CLEAN, base32 },
	{ "text_unbase32 refuses", CT_CLEAN, base32_refused },
	{ "secret_free", CT_CLEAN, arena_block },
	{ NULL, CT_CLEAN, NULL },
};
