/* Calls of the command line about the recovery key (docs/formats.md section 21.6). Conventions of coffer.h and client/admin.h. */
#ifndef COFFER_CLIENT_RECOVERY_H
#define COFFER_CLIENT_RECOVERY_H

#include "client/admin.h"

struct recovery_new_answer {
	uint8_t id[64];
	size_t id_len;
	char fingerprint[64];
	char set[16];
	size_t share_count;
	struct secret *shares[ADMIN_SHARES_MAX]; /* printed form, NUL-terminated; caller frees with recovery_new_answer_free */
};

void recovery_new_answer_free(struct recovery_new_answer *answer);
/* Makes it; nothing is in force before recovery_confirm. shares and threshold, or passphrase (with a NUL behind it) and 0, 0. */
enum coffer_status recovery_new(struct coffer *c, unsigned shares, unsigned threshold, const struct secret *passphrase, struct recovery_new_answer *out);
/* proofs: k shares of the new ones, or the new passphrase. COFFER_OK: it is in force, and the one before is gone. */
enum coffer_status recovery_confirm(struct coffer *c, const struct recovery_new_answer *answer, bool is_passphrase, const struct secret *const *proofs,
	size_t count);

struct recovery_test_answer {
	bool is_passphrase;
	unsigned shares, threshold; /* with shares */
	unsigned generation;        /* the newest that was opened; 0: it was only asked what it takes */
	char set[16];
};
/* count 0: asks what the recovery in force takes. */
enum coffer_status recovery_test(struct coffer *c, bool is_passphrase, const struct secret *const *proofs, size_t count, struct recovery_test_answer *out);

#endif
