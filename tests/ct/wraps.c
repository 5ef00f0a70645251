/* What may be known of a secret: the linker puts these in place of the functions that say it (CMakeLists.txt). Each declassifies its verdict and
 * nothing else. */
#include "ct/ct.h"

#include "crypto/cipher_internal.h"
#include "crypto/hpke.h"
#include "crypto/rng.h"

bool __real_ct_equal(const void *a, const void *b, size_t len);
bool __wrap_ct_equal(const void *a, const void *b, size_t len);
bool __real_ct_is_zero(const void *a, size_t len);
bool __wrap_ct_is_zero(const void *a, size_t len);
bool __real_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);
bool __wrap_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);
enum coffer_err __real_rng_bytes(void *out, size_t len);
enum coffer_err __wrap_rng_bytes(void *out, size_t len);

enum coffer_err __real_hpke_public_of(const struct secret *private_key, uint8_t out_public[static HPKE_PUBLIC_LEN]);
enum coffer_err __wrap_hpke_public_of(const struct secret *private_key, uint8_t out_public[static HPKE_PUBLIC_LEN]);
enum coffer_err __real_hpke_open(const struct secret *private_key, const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct view aad,
	struct view ct, struct secret **out);
enum coffer_err __wrap_hpke_open(const struct secret *private_key, const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct view aad,
	struct view ct, struct secret **out);

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

/* How long the text is before its padding: stands in the answer. */
bool __wrap_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep)
{
	bool good = __real_cipher_pad_check(padding, block, block_len, out_keep);
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

static struct secret *shown(const struct secret *hidden)
{
	struct secret *copy = secret_copy(secret_bytes(hidden), secret_len(hidden));
	if (copy) ct_show(secret_mut(copy), secret_len(copy));
	return copy;
}

/* P-256 is OpenSSL's big numbers, which have a length; it is not looked into (docs/security.md). The private key stays hidden outside. */
enum coffer_err __wrap_hpke_public_of(const struct secret *private_key, uint8_t out_public[static HPKE_PUBLIC_LEN])
{
	AUTO_SECRET struct secret *d = shown(private_key);
	return d ? __real_hpke_public_of(d, out_public) : ERR_MEMORY;
}

/* The same; what was opened is hidden. */
enum coffer_err __wrap_hpke_open(const struct secret *private_key, const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct view aad,
	struct view ct, struct secret **out)
{
	AUTO_SECRET struct secret *d = shown(private_key);
	enum coffer_err err = d ? __real_hpke_open(d, enc, info, aad, ct, out) : ERR_MEMORY;
	if (err == ERR_OK) ct_hide(secret_mut(*out), secret_len(*out));
	return err;
}
