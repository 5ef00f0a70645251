/* The fingerprint of a domain. */
#include "keyring/domain.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"

#define FINGERPRINT_GROUPS 8u
#define GROUP_LEN 4u /* characters */

enum coffer_err domain_fingerprint(const struct domain_id *domain, uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	uint8_t input[96], digest[32];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "domain-fingerprint");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->public_key, DOMAIN_PUBLIC_LEN));
	POST(writer_done(&w) == ERR_OK);
	TRY(hash_sha256(writer_view(&w), digest)); /* its context is in the arena, which may be full */
	memcpy(out, digest, DOMAIN_FINGERPRINT_LEN);
	return ERR_OK;
}

enum coffer_err domain_owner(const struct domain_id *domain, const char *label, uint8_t out[static 32])
{
	uint8_t input[128];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, label);
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

void domain_fingerprint_text(const struct domain_id *domain, char out[static DOMAIN_FINGERPRINT_TEXT])
{
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	enum coffer_err err = domain_fingerprint(domain, fingerprint);
	if (!err) domain_fingerprint_format(fingerprint, out);
	else snprintf(out, DOMAIN_FINGERPRINT_TEXT, "not computed: %.25s", err == ERR_MEMORY ? "memory is short" : err_name(err));
}

void domain_fingerprint_format(const uint8_t fingerprint[static DOMAIN_FINGERPRINT_LEN], char out[static DOMAIN_FINGERPRINT_TEXT])
{
	char text[FINGERPRINT_GROUPS * GROUP_LEN + 1];
	char *at = out;
	text_base32(view_of(fingerprint, DOMAIN_FINGERPRINT_LEN), text);
	for (size_t i = 0; i < FINGERPRINT_GROUPS; i++) {
		memcpy(at, text + i * GROUP_LEN, GROUP_LEN);
		at += GROUP_LEN;
		*at++ = i + 1 < FINGERPRINT_GROUPS ? '-' : '\0';
	}
}
