/* Backup archives (docs/formats.md section 16): what daemon and command line both read, and what the daemon writes. No state between archives; one
 * thread at a time for each. */
#ifndef COFFER_ARCHIVE_ARCHIVE_H
#define COFFER_ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keyring/domain.h"
#include "keyring/root.h"
#include "recovery/recovery.h"
#include "store/store.h"

#define ARCHIVE_ID_LEN 16u
#define ARCHIVE_TABLES_END 6u                      /* tables 1 to 5 are carried */
#define ARCHIVE_LEN_MAX (UINT64_C(1) << 40)        /* bytes */
#define ARCHIVE_CANARY_ID "archive-canary"
#define ARCHIVE_STATES_END 7u                      /* KMIP State: 1 to 6; 0: other objects */
#define ARCHIVE_FLAG_NOT_WHOLE 0x01u               /* a sum differed from the version root when the archive was made */

struct archive_header {
	uint8_t domain_id[UUID_LEN];
	uint8_t public_key[DOMAIN_PUBLIC_LEN];
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	uint8_t node_id[UUID_LEN];                 /* of the node that made it */
	uint8_t archive_id[ARCHIVE_ID_LEN];
	uint64_t created_ms;
	uint64_t root_version;
	uint32_t generation;                       /* the newest */
	uint8_t recovery_key_id[RECOVERY_KEY_ID_LEN];
};

/* The domain of an archive as its own node saw it. */
void archive_domain(const struct archive_header *header, struct domain_id *out);

struct archive_table {
	uint64_t count, bytes;                     /* rows; bytes of their members */
	uint8_t digest[32];
	struct root_sum sum;
};

/* ---- writing ---- */

struct archive_writer;

/* Begins: header, stanza and root go to *out (appended). ring: opens the root's row, borrowed until the end; stanza_row: the current stanza's. The header's fingerprint is filled in.
 * ERR_CORRUPT: the root does not open. Caller frees. */
enum coffer_err archive_writer_new(struct ring *ring, struct archive_header *header, const struct store_row *stanza_row,
	const struct store_row *root_row, struct bytes *out, struct archive_writer **out_writer) MUST_USE;
void archive_writer_free(struct archive_writer *w); /* accepts NULL */
/* The next row, in order of table and id. The root's own row is passed over. */
enum coffer_err archive_writer_row(struct archive_writer *w, enum store_table table, const struct store_row *row, struct bytes *out) MUST_USE;
/* Canary, manifest, signature. */
enum coffer_err archive_writer_end(struct archive_writer *w, const struct secret *domain_seed, struct bytes *out) MUST_USE;
/* After the end: the size and SHA-256 of the whole file, and whether the store was whole. */
enum coffer_err archive_writer_result(struct archive_writer *w, uint64_t *out_size, uint8_t out_sha256[static 32], bool *out_whole) MUST_USE;

/* ---- reading ---- */

struct archive;

/* What an archive holds, as far as can be said without a secret. */
struct archive_facts {
	struct archive_header header;
	uint64_t size;
	uint8_t sha256[32];                        /* of the file */
	uint8_t flags;
	uint64_t rows;
	struct archive_table tables[ARCHIVE_TABLES_END];
	uint64_t states[ARCHIVE_STATES_END];       /* objects by KMIP State */
	enum stanza_mode mode;
	unsigned k, n;                             /* shares */
	unsigned generations;                      /* wrapped for the recovery key */
	uint32_t first_generation;
};

/* A row of the archive; views die with the call. An error ends the pass and is returned. */
typedef enum coffer_err archive_row_fn(void *arg, enum store_table table, const struct store_row *row);

/* Reads the beginning of an open file (borrowed; read from its beginning with pread). ERR_FOREIGN: no archive; ERR_VERSION, ERR_TRUNCATED, ERR_CORRUPT, ERR_IO, each
 * with a sentence. Caller frees. */
enum coffer_err archive_open(int fd, struct archive **out, struct reason *reason) MUST_USE;
void archive_free(struct archive *a); /* accepts NULL */
const struct archive_header *archive_header_of(const struct archive *a);

/* Reads the whole file and checks all that needs no secret (16.1, step 1), the same each time. fn, may be NULL, gets every row before the signature at the end is checked: what it
 * does must be undone when this fails. ERR_CORRUPT, ERR_TRUNCATED, ERR_IO with a sentence. */
enum coffer_err archive_pass(struct archive *a, archive_row_fn *fn, void *arg, struct reason *reason) MUST_USE;
/* After a pass that was good. */
void archive_facts(const struct archive *a, struct archive_facts *out);

/* Steps 2 and 3: from what people hold to a ring with every generation. Only after a pass. Errors are those of recovery_open_shares and recovery_open_passphrase, and
 * ERR_CORRUPT for wraps, canary and root. Caller frees *out. */
enum coffer_err archive_unlock_shares(struct archive *a, const struct view *texts, unsigned count, struct ring **out, struct reason *reason) MUST_USE;
enum coffer_err archive_unlock_passphrase(struct archive *a, struct view passphrase, struct ring **out, struct reason *reason) MUST_USE;
/* The root of the archive, once it is unlocked. */
const struct root *archive_root(const struct archive *a);
/* The generation signature that stands in the stanza. ERR_NOT_FOUND. */
enum coffer_err archive_signature(const struct archive *a, uint32_t generation, uint8_t out[static DOMAIN_SIGNATURE_LEN]) MUST_USE;
/* The current stanza's row; borrows. */
const struct store_row *archive_stanza_row(const struct archive *a);

/* Step 4. Audit rows are followed link by link here, from the record behind the last that was taken out to the one that the root names. look, may be NULL, sees each row of which this
 * page's seal has been checked and says whether it fits (ERR_CORRUPT, ERR_VERSION: it does not). What is wrong is counted and the first of it said in `said`; any other error ends it. */
struct archive_look {
	archive_row_fn *look;
	void *arg;
	uint64_t faults;        /* rows that do not open or fit, tables whose sums are not the root's; starts at 0 */
	char said[320];         /* the first of them */
};
enum coffer_err archive_check_rows(struct archive *a, struct ring *ring, struct archive_look *look, struct reason *reason) MUST_USE;

#endif
