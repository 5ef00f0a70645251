/* Calls of the command line for backups and restore. Part of the library archive, not exported from libcoffer. Conventions of coffer.h. */
#ifndef COFFER_CLIENT_BACKUP_H
#define COFFER_CLIENT_BACKUP_H

#include "base/secret.h"
#include "client/include/coffer.h"

#define BACKUP_ID_LEN 16u
#define BACKUP_PIECE_LEN (256u * 1024u) /* bytes of an archive in one message, at most */

enum coffer_status backup_call_begin(struct coffer *c, uint8_t out_id[static BACKUP_ID_LEN]);

struct backup_part {
	size_t len;
	bool last;
	/* with the last one */
	uint64_t size;
	uint8_t sha256[32];
	bool whole;
};
/* out: BACKUP_PIECE_LEN bytes. */
enum coffer_status backup_call_read(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], uint64_t offset, uint8_t *out, struct backup_part *out_part);
enum coffer_status backup_call_end(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], bool kept);
enum coffer_status backup_call_verified(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], const uint8_t sha256[static 32], bool opened);
/* A JSON document, not NUL-terminated. */
enum coffer_status backup_call_list(struct coffer *c, char *text, size_t cap, size_t *out_len);

enum coffer_status restore_call_begin(struct coffer *c, uint64_t size, const uint8_t sha256[static 32], uint8_t out_id[static BACKUP_ID_LEN]);
enum coffer_status restore_call_write(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], uint64_t offset, const uint8_t *bytes, size_t len);

struct restore_order {
	const char *token_uri;
	const struct secret *const *proofs; /* texts of shares, or the passphrase; each ends with a NUL */
	size_t proof_count;
	bool passphrase;
	bool accept_older, accept_damaged;
};
/* Waits up to half an hour. text: what was restored, as JSON, not NUL-terminated. */
enum coffer_status restore_call_commit(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], const struct restore_order *order, char *text, size_t cap,
	size_t *out_len);

#endif
