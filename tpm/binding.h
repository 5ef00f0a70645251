/* What pins this node to its TPM and master secret: the backend's part of struct token_binding.
 *
 *   u8 format = 1 | u8 profile | u8 facts (bit 0: made by coffer; bits 1, 2: enum tpm_ek) | u32 persistent handle |
 *   LP16 Name of the primary | LP16 Name of the master secret                  (LP16: u16 length, then the bytes)
 *   format 2: the same and behind it the policy (docs/formats.md section 18.2); without a policy format 1 is written
 *
 * Big-endian. master_secret_id = SHA-256(Name of the master secret). */
#ifndef COFFER_TPM_BINDING_H
#define COFFER_TPM_BINDING_H

#include "base/err.h"
#include "base/reason.h"
#include "token/token.h"
#include "tpm/key.h"

enum coffer_err tpm_binding_encode(const struct tpm_key *key, const struct tpm_facts *facts,
	struct token_binding *out) MUST_USE;
/* Fills profile, handle and Names of *out; its handles are ESYS_TR_NONE. ERR_CORRUPT, ERR_VERSION, or ERR_TOKEN_OTHER
 * when it is not a TPM binding at all. */
enum coffer_err tpm_binding_decode(const struct token_binding *in, struct tpm_key *out, struct tpm_facts *out_facts,
	struct reason *reason) MUST_USE;

#endif
