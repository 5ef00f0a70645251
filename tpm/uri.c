/* Parses and checks the token URI. */
#include "tpm/uri.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define SCHEME "tpm2:"

struct tcti_kind {
	const char *name;
	bool bare;
};

static const struct tcti_kind tcti_kinds[] = {
	{ "device", false },
	{ "tabrmd", false },
	{ "swtpm", true },
	{ "mssim", true },
};

static enum coffer_err parse_tcti(struct view text, struct tpm_uri *out, struct reason *reason)
{
	const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	struct view name = { text.ptr, colon ? (size_t)(colon - text.ptr) : text.len };
	for (size_t i = 0; i < sizeof tcti_kinds / sizeof tcti_kinds[0]; i++) {
		if (!view_equal_str(name, tcti_kinds[i].name)) continue;
		memcpy(out->tcti, text.ptr, text.len);
		out->tcti[text.len] = '\0';
		out->bare = tcti_kinds[i].bare;
		return ERR_OK;
	}
	return reason_fail(reason, ERR_USAGE, "token URI: the TPM interface must be device, tabrmd, swtpm or mssim; "
		"write it as tpm2:device:/dev/tpmrm0 or tpm2:swtpm:path=/PATH");
}

static enum coffer_err parse_handle(struct view value, struct tpm_uri *out, struct reason *reason)
{
	uint8_t bytes[4] = { 0 };
	uint32_t handle = 0;
	bool ok = value.len == 10 && value.ptr[0] == '0' && (value.ptr[1] == 'x' || value.ptr[1] == 'X') &&
		text_unhex(view_of(value.ptr + 2, 8), bytes, sizeof bytes) == ERR_OK;
	for (size_t i = 0; i < sizeof bytes; i++) handle = handle << 8 | bytes[i];
	if (!ok || handle < TPM_HANDLE_MIN || handle > TPM_HANDLE_MAX) {
		return reason_fail(reason, ERR_USAGE,
			"token URI: handle must be a persistent handle of the owner, 0x81000000 to 0x817FFFFF");
	}
	if (out->handle_given) return reason_fail(reason, ERR_USAGE, "token URI: handle stands there twice");
	out->handle = handle;
	out->handle_given = true;
	return ERR_OK;
}

static enum coffer_err parse_parameter(struct view text, struct tpm_uri *out, struct reason *reason)
{
	const uint8_t *equals = text.len ? memchr(text.ptr, '=', text.len) : NULL;
	struct view name = { text.ptr, equals ? (size_t)(equals - text.ptr) : text.len };
	struct view value = view_of(text.ptr + name.len + (equals ? 1 : 0), text.len - name.len - (equals ? 1 : 0));
	char shown[64];
	if (view_equal_str(name, "handle")) return parse_handle(value, out, reason);
	if (view_equal_str(name, "pcrs")) {
		return reason_fail(reason, ERR_USAGE, "token URI: binding to PCRs is not available in this version; remove pcrs=");
	}
	if (view_equal_str(name, "pin-source")) {
		return reason_fail(reason, ERR_USAGE,
			"token URI: a PIN for the TPM is not available in this version; remove pin-source=");
	}
	text_printable(name, shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "token URI: the parameter '%s' is not known; only handle= is allowed", shown);
}

static enum coffer_err parse_query(struct view query, struct tpm_uri *out, struct reason *reason)
{
	for (;;) {
		const uint8_t *end = query.len ? memchr(query.ptr, '&', query.len) : NULL;
		size_t len = end ? (size_t)(end - query.ptr) : query.len;
		TRY(parse_parameter(view_of(query.ptr, len), out, reason));
		if (!end) return ERR_OK;
		query = view_of(end + 1, query.len - len - 1);
	}
}

enum coffer_err tpm_uri_parse(const char *text, struct tpm_uri *out, struct reason *reason)
{
	size_t len = strnlen(text, TOKEN_URI_MAX + 1);
	const size_t scheme_len = sizeof SCHEME - 1;
	if (len > TOKEN_URI_MAX) return reason_fail(reason, ERR_USAGE, "token URI: longer than %u bytes", TOKEN_URI_MAX);
	if (len < scheme_len || strncmp(text, SCHEME, scheme_len) != 0) {
		return reason_fail(reason, ERR_USAGE, "token URI: it must begin with tpm2: here");
	}
	struct tpm_uri uri = { .handle = TPM_DEFAULT_HANDLE };
	const char *query = strchr(text, '?');
	size_t tcti_len = (query ? (size_t)(query - text) : len) - scheme_len;
	TRY(parse_tcti(view_of(text + scheme_len, tcti_len), &uri, reason));
	if (query) TRY(parse_query(view_str(query + 1), &uri, reason));
	*out = uri;
	return ERR_OK;
}
