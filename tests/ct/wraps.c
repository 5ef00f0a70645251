/* What may be known of a secret: the linker puts these in place of the functions that say it (CMakeLists.txt). Each declassifies its verdict and
 * nothing else. */
#include "ct/ct.h"

#include "crypto/cipher_internal.h"
#include "crypto/rng.h"

bool __real_ct_equal(const void *a, const void *b, size_t len);
bool __wrap_ct_equal(const void *a, const void *b, size_t len);
bool __real_ct_is_zero(const void *a, size_t len);
bool __wrap_ct_is_zero(const void *a, size_t len);
bool __real_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);
bool __wrap_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);
enum coffer_err __real_rng_bytes(void *out, size_t len);
enum coffer_err __wrap_rng_bytes(void *out, size_t len);

/* One bit: the same, or not. */
bool __wrap_ct_equal(const void *a, const void *b, size_t len)
{
	bool same = __real_ct_equal(a, b, len);
	ct_show(&same, sizeof same);
	return same;
}

/* One bit: all zero, or not. */
bool __wrap_ct_is_zero(const void *a, size_t len)
{
	bool zero = __real_ct_is_zero(a, len);
	ct_show(&zero, sizeof zero);
	return zero;
}

/* Whether the padding is well-formed, and how long the text is: both stand in the answer. */
bool __wrap_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep)
{
	bool good = __real_cipher_pad_check(padding, block, block_len, out_keep);
	ct_show(&good, sizeof good);
	ct_show(out_keep, sizeof *out_keep);
	return good;
}

/* Not a declassification: what is drawn is secret from the start. */
enum coffer_err __wrap_rng_bytes(void *out, size_t len)
{
	enum coffer_err err = __real_rng_bytes(out, len);
	ct_hide(out, len);
	return err;
}
