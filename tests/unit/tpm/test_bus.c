/* What goes over the bus between the backend and the TPM, and what happens when it is altered there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "token/erase.h"
#include "crypto/p256.h"
#include "token/sign.h"
#include "token/transport.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/plain.h"
#include "unit/tpm/proxy.h"

struct bus {
	struct swtpm swtpm;
	struct proxy *proxy;
};

static int new_bus(void **state)
{
	static struct bus bus;
	swtpm_init(&bus.swtpm);
	bus.proxy = proxy_new(&bus.swtpm);
	*state = &bus;
	return 0;
}

static int free_bus(void **state)
{
	struct bus *bus = *state;
	proxy_free(bus->proxy);
	swtpm_done(&bus->swtpm);
	return 0;
}

/* ---- sniffing ---- */

/* Provisioning, wrapping, starting and opening, probing, random bytes: every secret that a caller sees. How many of their windows of
 * 8 bytes stand on the bus. */
struct sightings {
	size_t wrapped, opened, random;
};

static struct sightings listen_in(struct bus *bus)
{
	struct sightings seen = { 0, 0, 0 };
	struct token_binding binding;
	uint8_t bytes[64];
	AUTO_SECRET struct secret *key = help_key(), *other = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY, other_blob = BUF_EMPTY;
	struct token *t = help_provision(bus->swtpm.uri, &binding); /* past the proxy: the second key is seen when it is opened alone */
	help_wrap(t, other, &other_blob);
	token_backend.close(t);
	t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	assert_int_equal(token_backend.random(t, bytes, sizeof bytes, NULL), ERR_OK);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK);
	token_backend.close(t);
	t = help_attach(proxy_uri(bus->proxy), &binding);
	help_unwraps_to(t, buf_view(&other_blob), other);
	token_backend.close(t);
	assert_true(proxy_seen(bus->proxy, TPM2_CC_Create) >= 3);
	assert_true(proxy_seen(bus->proxy, TPM2_CC_Unseal) >= 3);
	assert_true(proxy_seen(bus->proxy, TPM2_CC_GetRandom) >= 2);
	assert_true(proxy_log_len(bus->proxy) > 4000);
	seen.wrapped = proxy_windows_of(bus->proxy, secret_view(key));
	seen.opened = proxy_windows_of(bus->proxy, secret_view(other));
	seen.random = proxy_windows_of(bus->proxy, view_of(bytes, sizeof bytes));
	return seen;
}

static void no_secret_crosses_the_bus_in_clear(void **state)
{
	struct sightings seen = listen_in(*state);
	assert_int_equal(seen.wrapped, 0);
	assert_int_equal(seen.opened, 0);
	assert_int_equal(seen.random, 0);
}

/* The control: the same with sessions that do not encrypt. */
static void the_same_with_plain_sessions_is_seen(void **state)
{
	plain_sessions = true;
	struct sightings seen = listen_in(*state);
	plain_sessions = false;
	assert_int_equal(seen.wrapped, TOKEN_SECRET_LEN - 7);
	assert_int_equal(seen.opened, TOKEN_SECRET_LEN - 7);
	assert_in_range(seen.random, 48, 57); /* given in two pieces */
}

/* All that gives the TPM something to keep, or takes it away: another master secret beside the first one, data keys wrapped under it, the key that signs the audit log (made, loaded,
 * used), the transport key (the same, and its Diffie-Hellman), and the first master secret destroyed, as 'coffer rotate master' does it. Nothing is imported: no secret of Coffer's is made outside a TPM to be kept in one but by TPM2_Create. */
struct moved {
	size_t key, auth, shared, point;
};

static void sign_once(struct token *t, const struct secret *auth)
{
	struct token_signer_wish wish = { .auth = secret_view(auth), .owner = { 1 }, .digest = { 2 } };
	struct token_signer_answer made, signature;
	assert_int_equal(token_signer_backend.make(t, &wish, &made, NULL), ERR_OK);
	wish.ref = made.ref;
	assert_int_equal(token_signer_backend.sign(t, &wish, &signature, NULL), ERR_OK);
	assert_true(made.there && signature.there);
}

/* What is shared comes back; the other side's point goes to the TPM. */
static struct secret *agree_once(struct token *t, const struct secret *auth, uint8_t point[static TOKEN_TRANSPORT_POINT_LEN])
{
	struct token_transport_wish wish = { .auth = secret_view(auth), .owner = { 1 } };
	struct token_transport_answer made, answer;
	AUTO_SECRET struct secret *peer = NULL;
	assert_int_equal(p256_generate(&peer), ERR_OK);
	assert_int_equal(p256_public_of(peer, point), ERR_OK);
	assert_int_equal(token_transport_backend.make(t, &wish, &made, NULL), ERR_OK);
	wish.ref = made.ref;
	memcpy(wish.point, point, sizeof wish.point);
	assert_int_equal(token_transport_backend.ecdh(t, &wish, &answer, NULL), ERR_OK);
	assert_true(made.there && answer.there);
	return answer.shared;
}

static struct moved listen_to_a_move(struct bus *bus)
{
	char next_uri[512];
	struct moved seen = { 0, 0, 0, 0 };
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	struct token_binding first, next;
	AUTO_SECRET struct secret *key = help_key(), *auth = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY, next_blob = BUF_EMPTY;
	secret_mut(auth)[TOKEN_SIGNER_AUTH_LEN - 1] |= 1;
	assert_true(snprintf(next_uri, sizeof next_uri, "%s?handle=0x81010C10", proxy_uri(bus->proxy)) < (int)sizeof next_uri);
	struct token *t = help_provision(proxy_uri(bus->proxy), &first);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	t = help_provision(next_uri, &next);
	help_wrap(t, key, &next_blob);
	help_unwraps_to(t, buf_view(&next_blob), key);
	token_backend.close(t);
	t = help_attach(proxy_uri(bus->proxy), &first);
	sign_once(t, auth);
	AUTO_SECRET struct secret *shared = agree_once(t, auth, point);
	assert_int_equal(token_erase_backend.erase(t, NULL), ERR_OK);
	token_backend.close(t);
	t = help_attach(next_uri, &next);
	help_unwraps_to(t, buf_view(&next_blob), key);
	token_backend.close(t);
	assert_true(proxy_seen(bus->proxy, TPM2_CC_EvictControl) >= 3);
	assert_true(proxy_seen(bus->proxy, TPM2_CC_Create) >= 5 && proxy_seen(bus->proxy, TPM2_CC_Load) >= 5);
	assert_int_equal(proxy_seen(bus->proxy, TPM2_CC_Sign), 1);
	assert_int_equal(proxy_seen(bus->proxy, TPM2_CC_Import) + proxy_seen(bus->proxy, TPM2_CC_CreateLoaded) + proxy_seen(bus->proxy, TPM2_CC_LoadExternal), 0);
	seen.key = proxy_windows_of(bus->proxy, secret_view(key));
	seen.auth = proxy_windows_of(bus->proxy, secret_view(auth));
	seen.shared = proxy_windows_of(bus->proxy, secret_view(shared));
	seen.point = proxy_windows_of(bus->proxy, view_of(point + 1, 32));
	assert_int_equal(proxy_seen(bus->proxy, TPM2_CC_ECDH_ZGen), 1);
	return seen;
}

static void no_move_signature_or_agreement_shows_a_secret(void **state)
{
	struct moved seen = listen_to_a_move(*state);
	assert_int_equal(seen.key, 0);
	assert_int_equal(seen.auth, 0);
	assert_int_equal(seen.shared, 0);
	assert_int_equal(seen.point, 0);
}

static void with_plain_sessions_they_do(void **state)
{
	plain_sessions = true;
	struct moved seen = listen_to_a_move(*state);
	plain_sessions = false;
	assert_int_equal(seen.key, TOKEN_SECRET_LEN - 7);
	assert_int_equal(seen.auth, TOKEN_SIGNER_AUTH_LEN - 7);
	assert_int_equal(seen.shared, TOKEN_TRANSPORT_SHARED_LEN - 7);
	assert_int_equal(seen.point, 32 - 7);
}

/* Seals and unseals with passwords alone, as a careless program would. */
static void seal_in_the_open(const char *tcti, const struct secret *key)
{
	struct raw raw;
	ESYS_TR primary = ESYS_TR_NONE;
	TPM2B_SENSITIVE_DATA *data = NULL;
	TPM2B_PUBLIC *pub = NULL;
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive = { .data = { .size = TOKEN_SECRET_LEN } } };
	TPM2B_PUBLIC template = { .publicArea = { .type = TPM2_ALG_KEYEDHASH, .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA } };
	template.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	memcpy(sensitive.sensitive.data.buffer, secret_bytes(key), TOKEN_SECRET_LEN);
	help_raw_open(&raw, tcti);
	assert_int_equal(Esys_CreatePrimary(raw.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
		&sensitive, &template,
		&outside, &pcrs, &primary, &pub, NULL, NULL, NULL), TSS2_RC_SUCCESS);
	assert_int_equal(Esys_Unseal(raw.esys, primary, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data), TSS2_RC_SUCCESS);
	assert_int_equal(Esys_FlushContext(raw.esys, primary), TSS2_RC_SUCCESS);
	Esys_Free(data);
	Esys_Free(pub);
	help_raw_close(&raw);
}

static void the_bus_log_would_show_a_key_sent_in_clear(void **state)
{
	struct bus *bus = *state;
	AUTO_SECRET struct secret *key = help_key();
	assert_int_equal(proxy_windows_of(bus->proxy, secret_view(key)), 0);
	seal_in_the_open(proxy_tcti(bus->proxy), key);
	assert_int_equal(proxy_windows_of(bus->proxy, secret_view(key)), TOKEN_SECRET_LEN - 7);
}

/* ---- altered answers ---- */

/* One unwrap with one answer altered: refused, or (after a second try) the right key; never another one. */
static bool unwrap_with_flip(struct bus *bus, const struct token_binding *binding, struct view blob,
	const struct secret *key,
	uint32_t command, size_t at)
{
	AUTO_SECRET struct secret *back = NULL;
	struct token *t = help_attach(proxy_uri(bus->proxy), binding);
	proxy_flip(bus->proxy, command, at, 0x10);
	enum coffer_err err = token_backend.unwrap(t, blob, &back, NULL);
	if (err == ERR_OK) assert_true(secret_equal(key, back));
	else assert_null(back);
	token_backend.close(t);
	return err == ERR_OK;
}

static void an_altered_answer_never_leads_to_another_key(void **state)
{
	static const uint32_t commands[] = { TPM2_CC_Unseal, TPM2_CC_Load, TPM2_CC_StartAuthSession, TPM2_CC_PolicyCommandCode,
		TPM2_CC_FlushContext };
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		unsigned taken = 0, tried = 0;
		for (size_t at = 0; at < 110; at += 3) {
			if (at >= 2 && at < 6) continue; /* the message's length: the stream itself would stall */
			tried++;
			taken += unwrap_with_flip(bus, &binding, buf_view(&blob), key, commands[i], at);
		}
		if (commands[i] == TPM2_CC_Unseal) assert_true(tried > 30 && taken == 0);
	}
	t = help_attach(proxy_uri(bus->proxy), &binding);
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

static void a_false_primary_is_noticed_before_a_session_is_salted_to_it(void **state)
{
	struct bus *bus = *state;
	struct token_binding binding;
	token_backend.close(help_provision(proxy_uri(bus->proxy), &binding));
	for (size_t at = 20; at < 140; at += 3) {
		unsigned sessions = proxy_seen(bus->proxy, TPM2_CC_StartAuthSession);
		struct token *t = help_open(proxy_uri(bus->proxy));
		proxy_flip(bus->proxy, TPM2_CC_CreatePrimary, at, 0x04);
		assert_int_not_equal(token_backend.attach(t, &binding, NULL), ERR_OK);
		assert_int_equal(proxy_seen(bus->proxy, TPM2_CC_StartAuthSession), sessions);
		token_backend.close(t);
	}
}

static void a_connection_that_breaks_in_an_answer_is_reported_as_gone(void **state)
{
	static const uint32_t commands[] = { TPM2_CC_StartAuthSession, TPM2_CC_Load, TPM2_CC_PolicyCommandCode, TPM2_CC_Unseal };
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		for (size_t len = 0; len < 10; len += 4) { /* every answer has 10 bytes or more */
			AUTO_SECRET struct secret *back = NULL;
			t = help_attach(proxy_uri(bus->proxy), &binding);
			proxy_cut(bus->proxy, commands[i], len);
			assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
			assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
			token_backend.close(t);
		}
	}
	t = help_attach(proxy_uri(bus->proxy), &binding); /* sweeps what the cuts left */
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
	assert_int_equal(help_count_handles(bus->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
}

/* ---- busy and failing TPMs ---- */

static void a_busy_tpm_is_waited_for(void **state)
{
	static const struct {
		uint32_t rc;
		unsigned times;
	} cases[] = { { 0x922, 1 }, { 0x922, 3 }, { 0x922, 5 }, { 0x908, 6 }, { 0x90A, 20 }, { 0x922, 50 }, { 0x920, 3 },
		{ 0x909, 2 } };
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		proxy_answer(bus->proxy, TPM2_CC_Unseal, cases[i].rc, cases[i].times);
		help_unwraps_to(t, buf_view(&blob), key);
	}
	token_backend.close(t);
	assert_int_equal(help_count_handles(bus->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
}

static void a_tpm_that_stays_busy_is_given_up_after_the_deadline(void **state)
{
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	uint64_t start_ms = clock_mono_ms();
	proxy_answer(bus->proxy, TPM2_CC_Unseal, 0x922, 100000);
	assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_BUSY);
	uint64_t took_ms = clock_mono_ms() - start_ms;
	assert_in_range(took_ms, 1000, 6000);
	proxy_answer(bus->proxy, TPM2_CC_Unseal, 0, 0);
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

static void failures_are_reported_without_a_second_try(void **state)
{
	static const struct {
		uint32_t rc;
		enum coffer_err err;
		bool dead;
	} cases[] = {
		{ 0x921, ERR_TOKEN_LOCKED, false }, { 0x98E, ERR_AUTH, false }, { 0x923, ERR_BUSY, false }, { 0x101, ERR_TOKEN, true },
		{ 0x1DF, ERR_CORRUPT, false }, { 0x126, ERR_TOKEN, false },
	};
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO_SECRET struct secret *back = NULL;
		unsigned before = proxy_seen(bus->proxy, TPM2_CC_Load);
		proxy_answer(bus->proxy, TPM2_CC_Load, cases[i].rc, 1000);
		assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), cases[i].err);
		assert_int_equal(proxy_seen(bus->proxy, TPM2_CC_Load), before + 1);
		proxy_answer(bus->proxy, TPM2_CC_Load, 0, 0);
		if (cases[i].dead) {
			assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
			token_backend.close(t);
			t = help_attach(proxy_uri(bus->proxy), &binding);
		}
		help_unwraps_to(t, buf_view(&blob), key);
	}
	token_backend.close(t);
}

static void full_slots_are_swept_once(void **state)
{
	static const uint32_t codes[] = { 0x902, 0x903, 0x910 };
	struct bus *bus = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	help_wrap(t, key, &blob);
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		AUTO_SECRET struct secret *back = NULL;
		proxy_answer(bus->proxy, TPM2_CC_StartAuthSession, codes[i], 1);
		help_unwraps_to(t, buf_view(&blob), key);
		proxy_answer(bus->proxy, TPM2_CC_StartAuthSession, codes[i], 1000);
		assert_int_not_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_OK);
		proxy_answer(bus->proxy, TPM2_CC_StartAuthSession, 0, 0);
		help_unwraps_to(t, buf_view(&blob), key);
	}
	token_backend.close(t);
}

static void a_tpm_without_p384_gets_the_p256_profile(void **state)
{
	struct bus *bus = *state;
	struct token_binding binding;
	struct token_info info;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	proxy_answer(bus->proxy, TPM2_CC_TestParms, 0x1E6, 1); /* CURVE */
	struct token *t = help_provision(proxy_uri(bus->proxy), &binding);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_string_equal(info.master_secret, "ECC P-256, AES-128-CFB, persistent 0x81010C0F");
	help_wrap(t, key, &blob);
	token_backend.close(t);
	t = help_attach(bus->swtpm.uri, &binding); /* the binding knows the profile */
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

/* A failure is no answer: the weaker profile is for TPMs that say that they lack the stronger one. */
static void a_tpm_that_fails_while_it_is_asked_gets_no_weaker_profile(void **state)
{
	struct bus *bus = *state;
	for (unsigned nth = 1; nth <= 6; nth++) {
		struct token_binding binding;
		struct token_info info;
		struct token *t = help_open(proxy_uri(bus->proxy));
		proxy_answer_nth(bus->proxy, TPM2_CC_GetCapability, nth, 0x923, 1);
		enum coffer_err err = token_backend.provision(t, &binding, NULL);
		proxy_clear(bus->proxy);
		if (nth == 1) assert_int_equal(err, ERR_BUSY); /* the first question is about SHA-384 */
		if (err == ERR_OK) assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
		if (err == ERR_OK) assert_string_equal(info.master_secret, "ECC P-384, AES-256-CFB, persistent 0x81010C0F");
		token_backend.close(t);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_bus, free_bus)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_secret_crosses_the_bus_in_clear),
		T(the_same_with_plain_sessions_is_seen),
		T(no_move_signature_or_agreement_shows_a_secret),
		T(with_plain_sessions_they_do),
		T(the_bus_log_would_show_a_key_sent_in_clear),
		T(an_altered_answer_never_leads_to_another_key),
		T(a_false_primary_is_noticed_before_a_session_is_salted_to_it),
		T(a_connection_that_breaks_in_an_answer_is_reported_as_gone),
		T(a_busy_tpm_is_waited_for),
		T(a_tpm_that_stays_busy_is_given_up_after_the_deadline),
		T(failures_are_reported_without_a_second_try),
		T(full_slots_are_swept_once),
		T(a_tpm_without_p384_gets_the_p256_profile),
		T(a_tpm_that_fails_while_it_is_asked_gets_no_weaker_profile),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
