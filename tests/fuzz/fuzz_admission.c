/* Fuzz target of what stands in the database for a node that joins or goes on (src/domain/admission.h, answer.h, enrolment.h), and of the file that it keeps meanwhile (joining.h). The first byte chooses: 0 request, 1 row,
 * 2 card, 3 answer, 4 later generation, 5 enrolment token, 6 the file, 7 a transport key's public area behind its point, 8 a challenge, 9 an endorsement certificate. What is read is written again: the same bytes; a refusal has a sentence; no answer and no generation is taken. */
#include <string.h>

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "domain/answer.h"
#include "domain/endorsement.h"
#include "domain/enrolment.h"
#include "domain/joining.h"
#include "fuzz/fuzz.h"

static enum coffer_err no_token(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	(void)arg;
	(void)point;
	(void)out_shared;
	fuzz_stop(__FILE__, __LINE__, "the token is not asked");
	return ERR_BUG;
}

static void try_request(struct view in)
{
	struct admission_request q;
	struct reason why = { "" };
	AUTO_BUF struct buf again = BUF_EMPTY;
	if (admission_request_read(in, &q, &why) != ERR_OK) {
		fuzz_check_reason(&why);
		return;
	}
	REQUIRE(admission_request_write(&q, &again) == ERR_OK);
	REQUIRE(view_equal(in, buf_view(&again)));
}

static void try_row(struct view in)
{
	struct admission_row row;
	struct reason why = { "" };
	AUTO_BUF struct buf again = BUF_EMPTY;
	if (admission_row_read(in, &row, &why) != ERR_OK) {
		fuzz_check_reason(&why);
		return;
	}
	REQUIRE(admission_row_write(&row, &again) == ERR_OK);
	REQUIRE(view_equal(in, buf_view(&again)));
	try_request(row.request);
}

static void try_card(struct view in)
{
	static const uint8_t typed[DOMAIN_FINGERPRINT_LEN] = { 1 };
	struct domain_id domain = { .id = { 0 } };
	struct reason why = { "" };
	REQUIRE(admission_card_read(in, typed, &domain, &why) != ERR_OK);
	fuzz_check_reason(&why);
}

static const struct domain_id fixed = { .id = { 1 }, .node_id = { 2 }, .public_key = { 3 } };

/* A ring whose one generation nobody else has. */
static struct ring *fixed_ring(bool with_key)
{
	static const uint8_t bytes[DATA_KEY_LEN] = { 9 };
	struct ring *ring = ring_new(&fixed);
	REQUIRE(ring);
	if (!with_key) return ring;
	struct secret *key = secret_copy(bytes, sizeof bytes);
	REQUIRE(key && ring_add(ring, 1, &key) == ERR_OK);
	return ring;
}

static void try_answer(struct view in)
{
	static const uint8_t generator[HPKE_PUBLIC_LEN] = { 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d,
		0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c,
		0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5 };
	const struct answer_key key = { .dh = no_token, .public_key = generator };
	struct admission_request q = { .name = "n", .token_kind = "tpm2" };
	struct answer_opened opened;
	struct reason why = { "" };
	AUTO_BUF struct buf request = BUF_EMPTY;
	memcpy(q.transport_key, generator, sizeof generator);
	REQUIRE(admission_request_write(&q, &request) == ERR_OK);
	struct ring *ring = fixed_ring(false);
	REQUIRE(answer_open(ring, buf_view(&request), NULL, &key, in, &opened, &why) != ERR_OK && ring_count(ring) == 0);
	fuzz_check_reason(&why);
	ring_free(ring);
}

static void try_refresh(struct view in)
{
	const struct answer_key key = { .dh = no_token, .public_key = fixed.public_key };
	struct refresh_opened opened;
	struct reason why = { "" };
	struct ring *ring = fixed_ring(true);
	REQUIRE(refresh_open(ring, 2, &key, in, &opened, &why) != ERR_OK);
	fuzz_check_reason(&why);
	ring_free(ring);
}

static void try_token(struct view in)
{
	AUTO_SECRET struct secret *token = NULL, *text = NULL, *back = NULL;
	struct reason why = { "" };
	if (enrolment_token_parse(in, &token, &why) != ERR_OK) {
		fuzz_check_reason(&why);
		return;
	}
	REQUIRE(enrolment_token_text(token, &text) == ERR_OK);
	REQUIRE(enrolment_token_parse(view_of(secret_bytes(text), ENROLMENT_TEXT_LEN - 1), &back, NULL) == ERR_OK && secret_equal(token, back));
}

/* Behind the checksum, which is made here. */
static void try_joining(struct view in)
{
	struct joining j = JOINING_NONE;
	uint8_t sum[HASH_SHA256_LEN];
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	REQUIRE(hash_sha256(in, sum) == ERR_OK);
	REQUIRE(buf_append(&bytes, in) == ERR_OK && buf_append(&bytes, view_of(sum, 8)) == ERR_OK);
	if (joining_decode(buf_view(&bytes), &j) != ERR_OK) return;
	REQUIRE(joining_encode(&j, &again) == ERR_OK);
	REQUIRE(view_equal(buf_view(&bytes), buf_view(&again)));
	joining_clear(&j);
}

/* A public area behind the point that it must have. */
static void try_area(struct view in)
{
	uint8_t name[CREDENTIAL_NAME_LEN], sum[HASH_SHA256_LEN];
	if (in.len < HPKE_PUBLIC_LEN) return;
	struct view area = view_of(in.ptr + HPKE_PUBLIC_LEN, in.len - HPKE_PUBLIC_LEN);
	if (endorsement_area(area, in.ptr, name) != ERR_OK) return;
	REQUIRE(hash_sha256(area, sum) == ERR_OK && memcmp(name + 2, sum, sizeof sum) == 0 && area.len <= ADMISSION_PUBLIC_AREA_MAX);
}

static void try_challenge(struct view in)
{
	struct endorsement_asked asked;
	if (endorsement_challenge_read(in, &asked) != ERR_OK) return;
	REQUIRE(asked.blob.len && asked.seed.len && in.len == 12 + asked.blob.len + asked.seed.len && in.len <= ADMISSION_CHALLENGE_MAX);
}

static void try_certificate(struct view in)
{
	struct view der;
	if (certificate_check(in) != ERR_OK) return;
	REQUIRE(certificate_cut(in, &der) == ERR_OK && view_equal(in, der) && in.len <= CERTIFICATE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct view in) = { try_request, try_row, try_card, try_answer, try_refresh, try_token, try_joining, try_area, try_challenge, try_certificate };
	fuzz_arena();
	if (size < 1 || size > 2u * ADMISSION_ROW_MAX || data[0] >= sizeof tries / sizeof tries[0]) return 0;
	tries[data[0]](view_of(data + 1, size - 1));
	return 0;
}
