/* Shared steps. */
#include "unit/tpm/helpers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tss2/tss2_tctildr.h>

#include "crypto/rng.h"

static void expect_ok(const char *what, enum coffer_err err, const struct reason *why)
{
	if (err != ERR_OK) print_message("%s: %s: %s\n", what, err_name(err), why->text);
	assert_int_equal(err, ERR_OK);
}

struct token *help_open(const char *uri)
{
	struct reason why = { "" };
	struct token *t = NULL;
	expect_ok("open", token_backend.open(uri, &t, &why), &why);
	return t;
}

struct token *help_provision(const char *uri, struct token_binding *out)
{
	struct reason why = { "" };
	struct token *t = help_open(uri);
	expect_ok("provision", token_backend.provision(t, out, &why), &why);
	return t;
}

struct token *help_attach(const char *uri, const struct token_binding *binding)
{
	struct reason why = { "" };
	struct token *t = help_open(uri);
	expect_ok("attach", token_backend.attach(t, binding, &why), &why);
	return t;
}

struct secret *help_key(void)
{
	struct secret *s = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(s);
	assert_int_equal(rng_bytes(secret_mut(s), TOKEN_SECRET_LEN), ERR_OK);
	return s;
}

void help_wrap(struct token *t, const struct secret *key, struct buf *out)
{
	struct reason why = { "" };
	expect_ok("wrap", token_backend.wrap(t, key, out, &why), &why);
}

void help_unwraps_to(struct token *t, struct view blob, const struct secret *key)
{
	struct reason why = { "" };
	AUTO_SECRET struct secret *back = NULL;
	expect_ok("unwrap", token_backend.unwrap(t, blob, &back, &why), &why);
	assert_true(secret_equal(key, back));
}

void help_raw_open(struct raw *raw, const char *tcti)
{
	*raw = (struct raw){ 0 };
	assert_int_equal(Tss2_TctiLdr_Initialize(tcti, &raw->tcti), TSS2_RC_SUCCESS);
	assert_int_equal(Esys_Initialize(&raw->esys, raw->tcti, NULL), TSS2_RC_SUCCESS);
}

void help_raw_close(struct raw *raw)
{
	Esys_Finalize(&raw->esys);
	Tss2_TctiLdr_Finalize(&raw->tcti);
}

static TPMS_CAPABILITY_DATA *capability(const char *tcti, TPM2_CAP cap, uint32_t first, uint32_t count)
{
	struct raw raw;
	TPMI_YES_NO more = 0;
	TPMS_CAPABILITY_DATA *data = NULL;
	help_raw_open(&raw, tcti);
	assert_int_equal(Esys_GetCapability(raw.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, cap, first, count, &more, &data),
		TSS2_RC_SUCCESS);
	help_raw_close(&raw);
	return data;
}

uint32_t help_property(const char *tcti, uint32_t property)
{
	TPMS_CAPABILITY_DATA *data = capability(tcti, TPM2_CAP_TPM_PROPERTIES, property, 1);
	assert_int_equal(data->data.tpmProperties.tpmProperty[0].property, property);
	uint32_t value = data->data.tpmProperties.tpmProperty[0].value;
	Esys_Free(data);
	return value;
}

size_t help_count_handles(const char *tcti, uint32_t first)
{
	TPMS_CAPABILITY_DATA *data = capability(tcti, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES);
	size_t count = data->data.handles.count;
	Esys_Free(data);
	return count;
}
