/* Authentication structures: every kind of credential in its shape, and what is refused. */
#include "kmip/credential.h"

#include <string.h>

#include "kmip/enums.h"
#include "kmip/message.h"
#include "unit/kmip/kmip_test.h"

static struct scratch s;

typedef void value_fn(struct writer *w);

static void text(struct writer *w, uint32_t tag) { ttlv_put_str(w, tag, "x"); }
static void bytes(struct writer *w, uint32_t tag) { ttlv_put_bytes(w, tag, view_of("x", 1)); }

static void nothing(struct writer *w) { (void)w; }
static void user(struct writer *w) { text(w, TAG_USERNAME); }
static void user_password(struct writer *w) { text(w, TAG_USERNAME); text(w, TAG_PASSWORD); }
static void password_user(struct writer *w) { text(w, TAG_PASSWORD); text(w, TAG_USERNAME); }
static void user_twice(struct writer *w) { text(w, TAG_USERNAME); text(w, TAG_USERNAME); }
static void user_number(struct writer *w) { ttlv_put_i32(w, TAG_USERNAME, 1); }
static void user_more(struct writer *w) { text(w, TAG_USERNAME); text(w, TAG_PASSWORD); text(w, TAG_NAME_VALUE); }
static void serial(struct writer *w) { text(w, TAG_DEVICE_SERIAL_NUMBER); }

static void device(struct writer *w)
{
	serial(w);
	text(w, TAG_PASSWORD);
	text(w, TAG_DEVICE_IDENTIFIER);
	text(w, TAG_NETWORK_IDENTIFIER);
	text(w, TAG_MACHINE_IDENTIFIER);
	text(w, TAG_MEDIA_IDENTIFIER);
}

static void nonce(struct writer *w, bool value)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_NONCE);
	bytes(w, TAG_NONCE_ID);
	if (value) bytes(w, TAG_NONCE_VALUE);
	ttlv_end(w, mark);
}

static void attestation(struct writer *w)
{
	nonce(w, true);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, ATTESTATION_TYPE_TPM_QUOTE);
	bytes(w, TAG_ATTESTATION_MEASUREMENT);
	bytes(w, TAG_ATTESTATION_ASSERTION);
}

static void attestation_of_nothing(struct writer *w)
{
	nonce(w, true);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, ATTESTATION_TYPE_TPM_QUOTE);
}

static void half_nonce(struct writer *w)
{
	nonce(w, false);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, ATTESTATION_TYPE_TPM_QUOTE);
	bytes(w, TAG_ATTESTATION_ASSERTION);
}

static void put_credential(struct writer *w, uint32_t type, value_fn *value)
{
	struct ttlv_mark credential = ttlv_begin(w, TAG_CREDENTIAL);
	if (type) ttlv_put_enum(w, TAG_CREDENTIAL_TYPE, type);
	struct ttlv_mark mark = ttlv_begin(w, TAG_CREDENTIAL_VALUE);
	value(w);
	ttlv_end(w, mark);
	ttlv_end(w, credential);
}

static void each_kind_has_its_shape_from_its_version_on(void **state)
{
	static const struct { uint32_t type; value_fn *value; uint32_t minor; enum coffer_err err; } rows[] = {
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user, 0, ERR_OK },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user_password, 4, ERR_OK },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, nothing, 4, ERR_MISSING },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, password_user, 4, ERR_MISSING },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user_twice, 4, ERR_INPUT },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user_number, 4, ERR_INPUT },
		{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user_more, 4, ERR_FIELD },
		{ CREDENTIAL_TYPE_DEVICE, serial, 1, ERR_OK }, { CREDENTIAL_TYPE_DEVICE, device, 4, ERR_OK },
		{ CREDENTIAL_TYPE_DEVICE, device, 0, ERR_FIELD }, { CREDENTIAL_TYPE_DEVICE, nothing, 4, ERR_MISSING },
		{ CREDENTIAL_TYPE_DEVICE, user, 4, ERR_FIELD },
		{ CREDENTIAL_TYPE_ATTESTATION, attestation, 2, ERR_OK }, { CREDENTIAL_TYPE_ATTESTATION, attestation, 1, ERR_FIELD },
		{ CREDENTIAL_TYPE_ATTESTATION, attestation_of_nothing, 4, ERR_MISSING },
		{ CREDENTIAL_TYPE_ATTESTATION, half_nonce, 4, ERR_MISSING },
		{ CREDENTIAL_TYPE_TICKET, user, 4, ERR_FIELD }, { 99, user, 4, ERR_FIELD }, { 0x80000001u, user_number, 0, ERR_OK },
		{ 0, user, 4, ERR_MISSING },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct writer *w = scratch_writer(&s);
		struct ttlv_mark mark = ttlv_begin(w, TAG_AUTHENTICATION);
		put_credential(w, rows[i].type, rows[i].value);
		ttlv_end(w, mark);
		struct ttlv_item item = scratch_item(&s);
		enum coffer_err err = kmip_authentication_check(&item, rows[i].minor);
		if (err != rows[i].err) fail_msg("row %zu: %s", i, err_name(err));
	}
}

static void authentication_holds_credentials_and_nothing_else(void **state)
{
	static const struct { unsigned credentials; bool other; enum coffer_err err; } rows[] = {
		{ 0, false, ERR_MISSING }, { 1, false, ERR_OK }, { 3, false, ERR_OK }, { 1, true, ERR_FIELD }, { 0, true, ERR_MISSING },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct writer *w = scratch_writer(&s);
		struct ttlv_mark mark = ttlv_begin(w, TAG_AUTHENTICATION);
		for (unsigned k = 0; k < rows[i].credentials; k++) put_credential(w, CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, user);
		if (rows[i].other) text(w, TAG_NAME_VALUE);
		ttlv_end(w, mark);
		struct ttlv_item item = scratch_item(&s);
		assert_int_equal(kmip_authentication_check(&item, 4), rows[i].err);
	}
	struct writer *w = scratch_writer(&s);
	ttlv_put_i32(w, TAG_AUTHENTICATION, 1);
	struct ttlv_item item = scratch_item(&s);
	assert_int_equal(kmip_authentication_check(&item, 4), ERR_INPUT);
}

static void a_password_that_is_too_long_is_refused(void **state)
{
	static uint8_t many[KMIP_AUTHENTICATION_MAX], room[2 * KMIP_AUTHENTICATION_MAX];
	struct writer w;
	struct ttlv_item item;
	(void)state;
	memset(many, 'a', sizeof many);
	writer_init(&w, room, sizeof room);
	struct ttlv_mark mark = ttlv_begin(&w, TAG_AUTHENTICATION), credential = ttlv_begin(&w, TAG_CREDENTIAL);
	ttlv_put_enum(&w, TAG_CREDENTIAL_TYPE, CREDENTIAL_TYPE_USERNAME_AND_PASSWORD);
	struct ttlv_mark value = ttlv_begin(&w, TAG_CREDENTIAL_VALUE);
	ttlv_put_text(&w, TAG_USERNAME, view_of(many, sizeof many));
	ttlv_end(&w, value);
	ttlv_end(&w, credential);
	ttlv_end(&w, mark);
	assert_int_equal(writer_done(&w), ERR_OK);
	assert_int_equal(ttlv_root(writer_view(&w), &item), ERR_OK);
	assert_int_equal(kmip_authentication_check(&item, 4), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_shape_from_its_version_on),
		cmocka_unit_test(authentication_holds_credentials_and_nothing_else),
		cmocka_unit_test(a_password_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
