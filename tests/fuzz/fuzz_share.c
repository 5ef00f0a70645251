/* Fuzzes share_read (text that a person typed) and share_decode behind its check. The first byte chooses: even the text of a share, odd its bytes,
 * whose check is made right. A share that is read is printed and read again. */
#include <string.h>

#include "base/writer.h"
#include "crypto/hash.h"
#include "fuzz/fuzz.h"
#include "keyring/label.h"
#include "recovery/share_bytes.h"

#define CHECK_LEN 3u

static void check_same(const struct share *a, const struct share *b)
{
	REQUIRE(a->k == b->k && a->n == b->n && a->x == b->x && memcmp(a->set_id, b->set_id, SHARE_SET_LEN) == 0);
	REQUIRE(memcmp(a->fingerprint, b->fingerprint, DOMAIN_FINGERPRINT_LEN) == 0);
	REQUIRE(view_equal(secret_view(a->y), secret_view(b->y)));
}

static void print_and_read(struct share *share)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct share again;
	struct reason reason = { "" };
	REQUIRE(share->k >= 1 && share->k <= share->n && share->x >= 1 && share->x <= share->n);
	REQUIRE(share_print(share, &text) == ERR_OK && share_read(buf_view(&text), &again, &reason) == ERR_OK);
	check_same(share, &again);
	share_done(&again);
	share_done(share);
}

static void try_text(struct view text)
{
	struct share share;
	struct reason reason = { "" };
	if (share_read(text, &share, &reason) == ERR_OK) print_and_read(&share);
	else fuzz_check_reason(&reason);
}

/* SHA-256(T("share") | the bytes before the check), so that the fields behind it are reached. */
static void try_bytes(struct view in)
{
	AUTO_SECRET struct secret *bytes = secret_new(SHARE_LEN);
	uint8_t label[LABEL_MAX], check[HASH_SHA256_LEN];
	struct share share;
	struct writer w;
	struct reason reason = { "" };
	REQUIRE(bytes);
	if (in.len > SHARE_LEN - CHECK_LEN) in.len = SHARE_LEN - CHECK_LEN;
	if (in.len) memcpy(secret_mut(bytes), in.ptr, in.len);
	writer_init(&w, label, sizeof label);
	label_write(&w, "share");
	const struct view parts[] = { writer_view(&w), view_of(secret_bytes(bytes), SHARE_LEN - CHECK_LEN) };
	REQUIRE(hash_parts(HASH_SHA256, parts, 2, check) == ERR_OK);
	memcpy(secret_mut(bytes) + SHARE_LEN - CHECK_LEN, check, CHECK_LEN);
	if (share_decode(bytes, &share, &reason) == ERR_OK) print_and_read(&share);
	else fuzz_check_reason(&reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_arena();
	if (size == 0) return 0;
	if (data[0] % 2 == 0) try_text(view_of(data + 1, size - 1));
	else try_bytes(view_of(data + 1, size - 1));
	return 0;
}
