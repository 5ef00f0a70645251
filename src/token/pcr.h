/* PCRs of a TPM as people write them and as a policy counts them (docs/formats.md section 18); without any TPM library, so that the tool that
 * signs the values of a firmware image needs none.
 *
 *   sha256:0,7                which PCRs            sha256:0=HEX,7=HEX         which, and their values
 *
 * Numbers 0 to 23, rising, at least one; nothing else is accepted: a list that does not parse is never "no PCRs". */
#ifndef COFFER_TOKEN_PCR_H
#define COFFER_TOKEN_PCR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "crypto/hash.h"

#define PCR_COUNT 24u
#define PCR_VALUE_MAX 48u /* bytes: SHA-384 */
#define PCR_LIST_TEXT 80u /* characters with NUL of the longest list without values */

struct pcr_selection {
	enum hash_algorithm bank; /* HASH_SHA256 or HASH_SHA384 */
	uint32_t mask;            /* bit n: PCR n; not 0 */
};

/* value[n] is meant where bit n of the selection is set; hash_len(bank) bytes. */
struct pcr_values {
	struct pcr_selection selection;
	uint8_t value[PCR_COUNT][PCR_VALUE_MAX];
};

/* ERR_USAGE; what: "token URI" or "--pcrs", for the sentence. */
enum coffer_err pcr_parse_list(struct view text, const char *what, struct pcr_selection *out, struct reason *reason) MUST_USE;
/* Every number with its value. */
enum coffer_err pcr_parse_values(struct view text, const char *what, struct pcr_values *out, struct reason *reason) MUST_USE;
/* "sha256:0,7"; the selection as pcr_parse_list reads it. */
void pcr_list_text(const struct pcr_selection *selection, char out[static PCR_LIST_TEXT]);
bool pcr_selection_equal(const struct pcr_selection *a, const struct pcr_selection *b);
unsigned pcr_selection_count(const struct pcr_selection *selection);

/* Numbers of banks in formats: 1 SHA-256, 2 SHA-384. ERR_CORRUPT: another number. */
uint8_t pcr_bank_number(enum hash_algorithm bank);
enum coffer_err pcr_bank_of(uint8_t number, enum hash_algorithm *out) MUST_USE;

/* H(values, rising), as TPM2_PolicyPCR wants it; out has hash_len(hash) bytes. */
enum coffer_err pcr_values_digest(const struct pcr_values *values, enum hash_algorithm hash, uint8_t *out) MUST_USE;
/* Policy digest after TPM2_PolicyPCR alone (TPM 2.0 Part 3, 23.7), with policy hash `hash`, for values whose digest this is. */
enum coffer_err pcr_policy_digest(const struct pcr_selection *selection, const uint8_t *values_digest, enum hash_algorithm hash,
	uint8_t *out) MUST_USE;

#endif
