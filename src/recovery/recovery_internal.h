/* Between the files of recovery/. */
#ifndef COFFER_RECOVERY_RECOVERY_INTERNAL_H
#define COFFER_RECOVERY_RECOVERY_INTERNAL_H

#include "recovery/recovery.h"

/* HPKE info: T("recovery-wrap") | domain id | recovery-key id | generation. */
#define RECOVERY_INFO_MAX 96u
enum coffer_err recovery_wrap_info(const struct stanza *stanza, uint32_t generation, uint8_t out[static RECOVERY_INFO_MAX],
	size_t *out_len) MUST_USE;
/* Wraps one generation of the ring for the stanza's public key and appends the wrap. */
enum coffer_err recovery_wrap(const struct ring *ring, const struct secret *domain_seed, const struct stanza *stanza,
	uint32_t generation, struct buf *wraps) MUST_USE;

/* Takes one trailing newline off. */
struct view passphrase_trim(struct view passphrase);
/* Fills stanza->passphrase: salt, commitment, sealed private key; its scrypt parameters are set already. */
enum coffer_err passphrase_seal(const struct domain_id *domain, struct stanza *stanza, struct view passphrase,
	const struct secret *private_key) MUST_USE;
/* ERR_AUTH: the commitment is another. ERR_CORRUPT: it does not open. ERR_LIMIT: parameters. Caller frees *out. */
enum coffer_err passphrase_open(const struct domain_id *domain, const struct stanza *stanza, struct view passphrase,
	struct secret **out) MUST_USE;

#endif
