/* Endorsement certificates, and secrets made for them in software that only the right TPM gives out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/fdio.h"
#include "base/reader.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/credential.h"
#include "crypto/rng.h"
#include "token/endorse.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/plain.h"
#include "unit/tpm/proxy.h"
#include "unit/tpm/swtpm.h"

#define PATH_LEN 80u

/* A TPM, a node's transport key in it, and what it shows. */
struct machine {
	struct swtpm tpm;
	struct token *token;
	struct token_binding binding;
	struct token_endorse_wish wish;
	struct token_endorse_answer shown;
	uint8_t name[CREDENTIAL_NAME_LEN];
};

static const uint8_t key_auth[TOKEN_TRANSPORT_AUTH_LEN] = { 7, [TOKEN_TRANSPORT_AUTH_LEN - 1] = 1 };

static void make_transport(struct machine *m, struct view auth)
{
	struct token_transport_wish wish = { .auth = auth, .owner = { 1 } };
	struct token_transport_answer answer = { .there = false };
	assert_int_equal(token_transport_backend.make(m->token, &wish, &answer, NULL), ERR_OK);
	m->wish = (struct token_endorse_wish){ .ref = answer.ref, .auth = auth };
}

/* SHA-256's number and the digest of the public area. */
static void name_of(const struct token_endorse_answer *shown, uint8_t out[static CREDENTIAL_NAME_LEN])
{
	out[0] = 0x00;
	out[1] = 0x0B;
	assert_int_equal(hash_sha256(view_of(shown->area, shown->area_len), out + 2), ERR_OK);
}

static void describe(struct machine *m)
{
	struct reason why = { "" };
	if (token_endorse_backend.describe(m->token, &m->wish, &m->shown, &why) != ERR_OK) fail_msg("%s", why.text);
	assert_true(m->shown.there && !m->shown.secret);
	name_of(&m->shown, m->name);
}

static void machine_open(struct machine *m, const char *type)
{
	*m = (struct machine){ .token = NULL };
	swtpm_init(&m->tpm);
	if (type) swtpm_certify(&m->tpm, type);
	m->token = help_provision(m->tpm.uri, &m->binding);
	make_transport(m, view_of(key_auth, sizeof key_auth));
	if (type) describe(m);
}

static void machine_close(struct machine *m)
{
	token_backend.close(m->token);
	assert_int_equal(help_count_handles(m->tpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(m->tpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
	swtpm_done(&m->tpm);
}

static enum coffer_err activate(struct machine *m, struct view blob, struct view seed, struct secret **out, struct reason *why)
{
	struct token_endorse_answer answer = { .there = false };
	struct token_endorse_wish wish = m->wish;
	wish.blob = blob;
	wish.seed = seed;
	TRY(token_endorse_backend.activate(m->token, &wish, &answer, why));
	assert_true(answer.there == (answer.secret != NULL));
	*out = answer.secret;
	return ERR_OK;
}

static enum coffer_err activate_made(struct machine *m, const struct credential *made, struct secret **out, struct reason *why)
{
	return activate(m, view_of(made->blob, sizeof made->blob), view_of(made->seed, made->seed_len), out, why);
}

static struct view certificate_of(const struct machine *m)
{
	return view_of(m->shown.certificate, m->shown.certificate_len);
}

static void assert_refused(struct machine *m, const struct credential *made)
{
	struct reason why = { "" };
	AUTO_SECRET struct secret *found = NULL;
	enum coffer_err err = activate_made(m, made, &found, &why);
	if (err != ERR_DENIED) fail_msg("%s: %s", err_name(err), why.text);
	assert_non_null(strstr(why.text, "made for another TPM"));
	assert_null(found);
}

static void read_file(const struct machine *m, const char *name, struct buf *out)
{
	char path[PATH_LEN];
	(void)snprintf(path, sizeof path, "%s/%s", m->tpm.dir, name);
	assert_int_equal(fdio_read_file(path, 4096, out, NULL), ERR_OK);
}

static void of_type(const char *type)
{
	struct machine m;
	struct credential made;
	struct reason why = { "" };
	AUTO_BUF struct buf der = BUF_EMPTY;
	AUTO_SECRET struct secret *secret = help_key();
	AUTO_SECRET struct secret *found = NULL;
	machine_open(&m, type);
	read_file(&m, "ek.der", &der);
	assert_true(view_equal(certificate_of(&m), buf_view(&der))); /* and nothing of what stands behind it */
	assert_int_equal(certificate_check(certificate_of(&m)), ERR_OK);
	assert_int_equal(credential_make(certificate_of(&m), m.name, secret, &made), ERR_OK);
	if (activate_made(&m, &made, &found, &why) != ERR_OK) fail_msg("%s", why.text);
	assert_true(secret_equal(found, secret));
	for (size_t i = 0; i < sizeof made.blob; i += 11) {
		made.blob[i] ^= 1;
		assert_refused(&m, &made);
		made.blob[i] ^= 1;
	}
	if (made.seed_len < CREDENTIAL_SEED_MAX) { /* libtpms calls a bad RSA ciphertext a failure of its own */
		made.seed[made.seed_len - 1] ^= 1;
		assert_refused(&m, &made);
	}
	made.seed_len = 0;
	assert_refused(&m, &made);
	m.name[9] ^= 1; /* for another object in this TPM */
	assert_int_equal(credential_make(certificate_of(&m), m.name, secret, &made), ERR_OK);
	assert_refused(&m, &made);
	machine_close(&m);
}

static void a_secret_comes_out_of_the_tpm_of_the_certificate(void **state)
{
	(void)state;
	of_type("ecc");
	of_type("rsa");
}

/* What tpm2-tools make in software comes out as well. */
static void so_does_what_others_made(void **state)
{
	static const char *types[] = { "ecc", "rsa" };
	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct machine m;
		char line[300], name[2 * CREDENTIAL_NAME_LEN + 1];
		struct reader r;
		struct view blob, seed;
		struct reason why = { "" };
		AUTO_BUF struct buf made = BUF_EMPTY;
		AUTO_SECRET struct secret *found = NULL;
		machine_open(&m, types[i]);
		text_hex(view_of(m.name, sizeof m.name), name);
		(void)snprintf(line, sizeof line, "printf 0123456789abcdef0123456789abcdef >secret && TPM2TOOLS_TCTI=none tpm2_makecredential -T none -u ek.pub -s secret -n %s -o made", name);
		assert_int_equal(swtpm_tool(&m.tpm, line), 0);
		read_file(&m, "made", &made);
		reader_init(&r, buf_view(&made));
		assert_int_equal(reader_skip(&r, 8), ERR_OK);
		assert_int_equal(reader_view_u16(&r, 128, &blob), ERR_OK);
		assert_int_equal(reader_view_u16(&r, 512, &seed), ERR_OK);
		if (activate(&m, blob, seed, &found, &why) != ERR_OK) fail_msg("%s", why.text);
		assert_true(view_equal(secret_view(found), view_str("0123456789abcdef0123456789abcdef")));
		machine_close(&m);
	}
}

static void another_tpm_gives_nothing_out(void **state)
{
	struct machine a, b;
	struct credential made;
	AUTO_SECRET struct secret *secret = help_key();
	AUTO_SECRET struct secret *found = NULL;
	(void)state;
	machine_open(&a, "ecc");
	machine_open(&b, "ecc");
	assert_int_equal(credential_make(certificate_of(&a), a.name, secret, &made), ERR_OK);
	assert_refused(&b, &made);
	assert_int_equal(credential_make(certificate_of(&a), b.name, secret, &made), ERR_OK); /* the listed certificate, the thief's key */
	assert_refused(&b, &made);
	assert_refused(&a, &made);
	b.wish.ref = a.wish.ref; /* the other TPM's key does not load */
	assert_int_equal(activate_made(&b, &made, &found, NULL), ERR_OK);
	assert_null(found);
	assert_int_equal(token_endorse_backend.describe(b.token, &b.wish, &b.shown, NULL), ERR_OK);
	assert_false(b.shown.there);
	machine_close(&a);
	machine_close(&b);
}

/* Making the transport key, showing the certificate, and activating: how many of the windows of 8 bytes of what the master server sent, and of the key's authorization value, stand on the bus. What
 * TPM2_MakeCredential protects goes to the TPM and nothing is imported there. */
static void listen_in(size_t *out_secret, size_t *out_auth)
{
	struct machine m = { .token = NULL };
	struct credential made;
	AUTO_SECRET struct secret *secret = help_key(), *auth = help_key(), *found = NULL;
	secret_mut(auth)[TOKEN_TRANSPORT_AUTH_LEN - 1] |= 1;
	swtpm_init(&m.tpm);
	swtpm_certify(&m.tpm, "ecc");
	struct proxy *bus = proxy_new(&m.tpm);
	m.token = help_provision(proxy_uri(bus), &m.binding);
	make_transport(&m, secret_view(auth));
	describe(&m);
	assert_int_equal(credential_make(certificate_of(&m), m.name, secret, &made), ERR_OK);
	assert_int_equal(activate_made(&m, &made, &found, NULL), ERR_OK);
	assert_true(secret_equal(found, secret));
	assert_int_equal(proxy_seen(bus, TPM2_CC_ActivateCredential), 1);
	assert_int_equal(proxy_seen(bus, TPM2_CC_Import) + proxy_seen(bus, TPM2_CC_LoadExternal) + proxy_seen(bus, TPM2_CC_CreateLoaded), 0);
	*out_secret = proxy_windows_of(bus, secret_view(secret));
	*out_auth = proxy_windows_of(bus, secret_view(auth));
	token_backend.close(TAKE(m.token));
	proxy_free(bus);
	machine_close(&m);
}

static void what_is_activated_crosses_no_bus_in_clear(void **state)
{
	size_t secret, auth;
	(void)state;
	listen_in(&secret, &auth);
	assert_int_equal(secret, 0);
	assert_int_equal(auth, 0);
}

static void with_plain_sessions_it_does(void **state)
{
	size_t secret, auth;
	(void)state;
	plain_sessions = true;
	listen_in(&secret, &auth);
	plain_sessions = false;
	assert_int_equal(secret, TOKEN_ENDORSE_SECRET_LEN - 7);
	assert_int_equal(auth, TOKEN_TRANSPORT_AUTH_LEN - 7);
}

static void assert_shows_none(struct machine *m, enum coffer_err err, const char *says)
{
	struct reason why = { "" };
	enum coffer_err found = token_endorse_backend.describe(m->token, &m->wish, &m->shown, &why);
	if (found != err || !strstr(why.text, says)) fail_msg("%s: %s", err_name(found), why.text);
}

static void what_is_no_certificate_of_this_tpm_is_not_shown(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m, NULL);
	assert_shows_none(&m, ERR_NOT_FOUND, "holds no endorsement certificate");
	token_backend.close(m.token);
	swtpm_certify(&m.tpm, "ecc");
	m.token = help_attach(m.tpm.uri, &m.binding);
	describe(&m);
	token_backend.close(m.token);
	assert_int_equal(swtpm_tool(&m.tpm, "printf x | tpm2_nvwrite 0x01C0000A -C p -i-"), 0);
	m.token = help_attach(m.tpm.uri, &m.binding);
	assert_shows_none(&m, ERR_TOKEN_REFUSED, "is none");
	token_backend.close(m.token);
	assert_int_equal(swtpm_tool(&m.tpm, "openssl ecparam -name prime256v1 -genkey -noout -out k && openssl req -x509 -new -key k -subj /CN=x -outform DER -out x.der && tpm2_nvwrite 0x01C0000A -C p -i x.der"), 0);
	m.token = help_attach(m.tpm.uri, &m.binding);
	assert_shows_none(&m, ERR_TOKEN_REFUSED, "of another TPM");
	token_backend.close(m.token);
	assert_int_equal(swtpm_tool(&m.tpm, "tpm2_changeauth -c endorsement abc"), 0);
	m.token = help_attach(m.tpm.uri, &m.binding);
	assert_shows_none(&m, ERR_TOKEN_REFUSED, "cannot be used");
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_comes_out_of_the_tpm_of_the_certificate),
		cmocka_unit_test(so_does_what_others_made),
		cmocka_unit_test(another_tpm_gives_nothing_out),
		cmocka_unit_test(what_is_activated_crosses_no_bus_in_clear),
		cmocka_unit_test(with_plain_sessions_it_does),
		cmocka_unit_test(what_is_no_certificate_of_this_tpm_is_not_shown),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
