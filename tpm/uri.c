/* Parses and checks the token URI. */
#include "tpm/uri.h"

#include <stddef.h>
#include <stdio.h>
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

static enum coffer_err twice(const char *name, struct reason *reason)
{
	return reason_fail(reason, ERR_USAGE, "token URI: %s stands there twice", name);
}

static enum coffer_err parse_pcrs(struct view value, struct tpm_uri *out, struct reason *reason)
{
	if (out->pcrs.mask != 0) return twice("pcrs", reason);
	return pcr_parse_list(value, "token URI: pcrs", &out->pcrs, reason);
}

static enum coffer_err parse_text(const char *name, struct view value, char out[static TOKEN_URI_MAX + 1], struct reason *reason)
{
	if (out[0] != '\0') return twice(name, reason);
	if (value.len == 0) return reason_fail(reason, ERR_USAGE, "token URI: %s has no value", name);
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return ERR_OK;
}

static enum coffer_err parse_path(const char *name, struct view value, char out[static TOKEN_URI_MAX + 1], struct reason *reason)
{
	if (value.len == 0 || value.ptr[0] != '/') {
		return reason_fail(reason, ERR_USAGE, "token URI: %s must be an absolute path", name);
	}
	return parse_text(name, value, out, reason);
}

static struct view split(struct view text, struct view *out_value)
{
	const uint8_t *equals = text.len ? memchr(text.ptr, '=', text.len) : NULL;
	struct view name = { text.ptr, equals ? (size_t)(equals - text.ptr) : text.len };
	*out_value = view_of(text.ptr + name.len + (equals ? 1 : 0), text.len - name.len - (equals ? 1 : 0));
	return name;
}

static enum coffer_err parse_parameter(struct view text, struct tpm_uri *out, struct reason *reason)
{
	struct view value, name = split(text, &value);
	char shown[64];
	if (view_equal_str(name, "handle")) return parse_handle(value, out, reason);
	if (view_equal_str(name, "pcrs")) return parse_pcrs(value, out, reason);
	if (view_equal_str(name, "policy-key")) return parse_path("policy-key", value, out->policy_key, reason);
	if (view_equal_str(name, "policy-file")) return parse_path("policy-file", value, out->policy_file, reason);
	if (view_equal_str(name, "pin-source")) return parse_text("pin-source", value, out->pin_source, reason);
	text_printable(name, shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "token URI: the parameter '%s' is not known; allowed are handle, pcrs, policy-key, "
		"policy-file and pin-source", shown);
}

/* Signed values need to know which PCRs, whose key, and where they are. */
static enum coffer_err check_together(const struct tpm_uri *uri, struct reason *reason)
{
	if (!uri->policy_key[0] == !uri->policy_file[0] && (!uri->policy_key[0] || uri->pcrs.mask != 0)) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "token URI: policy-key, policy-file and pcrs go together: the vendor's key, the values that it "
		"signed, and which PCRs they are of");
}

static struct view next_part(struct view *rest, bool *out_more)
{
	const uint8_t *end = rest->len ? memchr(rest->ptr, '&', rest->len) : NULL;
	struct view part = view_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
	*out_more = end != NULL;
	*rest = end ? view_of(end + 1, rest->len - part.len - 1) : view_of(rest->ptr, 0);
	return part;
}

static enum coffer_err parse_query(struct view query, struct tpm_uri *out, struct reason *reason)
{
	for (bool more = true; more;) TRY(parse_parameter(next_part(&query, &more), out, reason));
	return check_together(out, reason);
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

/* ---- changes ---- */

static enum coffer_err add_next(struct view value, struct tpm_next *next, struct reason *reason)
{
	if (next->count == TPM_NEXT_MAX) {
		return reason_fail(reason, ERR_USAGE, "at most %u sets of values to come are taken beside those of now", TPM_NEXT_MAX);
	}
	TRY(pcr_parse_values(value, "next", &next->values[next->count], reason));
	next->count++;
	return ERR_OK;
}

static enum coffer_err change(struct view text, struct tpm_uri *uri, struct tpm_next *next, struct reason *reason)
{
	struct view value, name = split(text, &value);
	const struct pcr_selection none = { HASH_SHA256, 0 };
	if (view_equal_str(name, "next")) return add_next(value, next, reason);
	if (view_equal_str(name, "handle")) return reason_fail(reason, ERR_USAGE, "the handle of a master secret does not change");
	if (view_equal_str(name, "pcrs")) uri->pcrs = none;
	else if (view_equal_str(name, "policy-key")) uri->policy_key[0] = '\0';
	else if (view_equal_str(name, "policy-file")) uri->policy_file[0] = '\0';
	else if (view_equal_str(name, "pin-source")) {
		uri->pin_source[0] = '\0';
		next->drop_pin = value.len == 0;
	}
	else return parse_parameter(text, uri, reason);
	return value.len ? parse_parameter(text, uri, reason) : ERR_OK;
}

static enum coffer_err check_next(const struct tpm_uri *uri, const struct tpm_next *next, struct reason *reason)
{
	for (unsigned i = 0; i < next->count; i++) {
		if (uri->policy_key[0] == '\0' && pcr_selection_equal(&uri->pcrs, &next->values[i].selection)) continue;
		return reason_fail(reason, ERR_USAGE, "values to come must be of the bank and the PCRs of pcrs, and have no place beside signed ones");
	}
	return ERR_OK;
}

enum coffer_err tpm_uri_change(const struct tpm_uri *uri, const char *changes, struct tpm_uri *out, struct tpm_next *out_next,
	struct reason *reason)
{
	struct tpm_uri changed = *uri;
	struct tpm_next next = { .count = 0 };
	struct view rest = view_str(changes);
	for (bool more = rest.len > 0; more;) TRY(change(next_part(&rest, &more), &changed, &next, reason));
	TRY(check_together(&changed, reason));
	TRY(check_next(&changed, &next, reason));
	*out = changed;
	*out_next = next;
	return ERR_OK;
}

enum coffer_err tpm_uri_text(const struct tpm_uri *uri, char out[static TOKEN_URI_MAX + 1], struct reason *reason)
{
	char text[TOKEN_URI_MAX + 1] = "", pcrs[PCR_LIST_TEXT] = "", handle[16];
	(void)snprintf(handle, sizeof handle, "0x%08X", uri->handle);
	if (uri->pcrs.mask) pcr_list_text(&uri->pcrs, pcrs);
	const struct {
		const char *name, *value;
	} parts[] = { { "handle=", uri->handle_given ? handle : "" }, { "pcrs=", pcrs }, { "policy-key=", uri->policy_key },
		{ "policy-file=", uri->policy_file }, { "pin-source=", uri->pin_source } };
	int len = snprintf(text, sizeof text, SCHEME "%s", uri->tcti);
	const char *before = "?";
	for (size_t i = 0; i < sizeof parts / sizeof parts[0] && len >= 0 && (size_t)len < sizeof text; i++) {
		if (parts[i].value[0] == '\0') continue;
		len += snprintf(text + len, sizeof text - (size_t)len, "%s%s%s", before, parts[i].name, parts[i].value);
		before = "&";
	}
	if (len < 0 || (size_t)len >= sizeof text) return reason_fail(reason, ERR_USAGE, "the token URI is longer than %u bytes", TOKEN_URI_MAX);
	memcpy(out, text, sizeof text);
	return ERR_OK;
}
