/* An NV counter of our own (docs/formats.md section 19.1). Its public area is read through a salted session to the pinned primary and its Name computed here; its
 * value and every raise are authorised, and their answers authenticated, in the same session.
 *
 *   reference = u8 format 1 | u32 NV index | u16 length, Name */
#ifndef COFFER_TPM_COUNTER_H
#define COFFER_TPM_COUNTER_H

#include "token/counter.h"
#include "tpm/device.h"
#include "tpm/key.h"

#define TPM_COUNTER_FIRST 0x01810C10u /* NV indexes where a counter is looked for and made */
#define TPM_COUNTER_PLACES 8u

/* As the calls of token/counter.h; primary loaded, master found. Each opens one session and leaves nothing in the TPM but the counter. */
enum coffer_err tpm_counter_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason) MUST_USE;
enum coffer_err tpm_counter_read(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason) MUST_USE;
enum coffer_err tpm_counter_raise(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason) MUST_USE;
/* Primary loaded; the master may be gone. */
enum coffer_err tpm_counter_drop(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason) MUST_USE;

#endif
