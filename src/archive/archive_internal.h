/* Between the files of archive/: members as bytes, and the state of an archive that is read. */
#ifndef COFFER_ARCHIVE_ARCHIVE_INTERNAL_H
#define COFFER_ARCHIVE_ARCHIVE_INTERNAL_H

#include "archive/archive.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

#define ARCHIVE_MAGIC "CFRA"
#define ARCHIVE_FORMAT 1u
#define PREAMBLE_LEN 8u
#define MEMBER_FRONT 5u                /* type u8, length u32 */
#define HEADER_LEN 136u
#define CANARY_MAX 512u
#define MANIFEST_LEN (1u + 8u + (ARCHIVE_TABLES_END - 1u) * (1u + 8u + 8u + 32u + 32u))
#define INDEX_MAX (2u + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN)
#define ROW_LEN_MAX (1u + 4u + STORE_ID_MAX + 12u + 4u + STORE_HEADER_MAX + 4u + INDEX_MAX + 4u + STORE_BODY_MAX)
#define DIGEST_LEN 64u                 /* SHA-512 */

enum member_type { MEMBER_HEADER = 1, MEMBER_STANZA, MEMBER_ROOT, MEMBER_ROW, MEMBER_CANARY, MEMBER_MANIFEST };

struct manifest {
	uint8_t flags;
	uint64_t rows;
	struct archive_table tables[ARCHIVE_TABLES_END];
};

void member_preamble(uint8_t out[static PREAMBLE_LEN]);
void member_header_write(const struct archive_header *header, uint8_t out[static HEADER_LEN]);
/* ERR_CORRUPT: the fingerprint is not that of domain id and key, or a number that cannot be. */
enum coffer_err member_header_read(struct view content, struct archive_header *out) MUST_USE;
/* A member with its front. */
enum coffer_err member_append(enum member_type type, struct view content, struct bytes *out) MUST_USE;
enum coffer_err member_row_append(enum member_type type, enum store_table table, const struct store_row *row, struct bytes *out) MUST_USE;
/* Views borrow from the content. ERR_CORRUPT: it does not fit the limits of the store. */
enum coffer_err member_row_read(struct view content, enum store_table *out_table, struct store_row *out) MUST_USE;
enum coffer_err member_manifest_append(const struct manifest *manifest, struct bytes *out) MUST_USE;
enum coffer_err member_manifest_read(struct view content, struct manifest *out) MUST_USE;
/* Most bytes of a member's content; 0: no such type. */
size_t member_len_max(uint8_t type);

/* The canary's row without its body; header (17 bytes: schema, archive id) is the caller's. */
#define CANARY_HEADER_LEN (1u + ARCHIVE_ID_LEN)
void canary_row(const struct archive_header *header, uint8_t row_header[static CANARY_HEADER_LEN], struct store_row *out);
/* Its plaintext: T("archive-canary") | SHA-512 of the header's content. */
#define CANARY_PLAIN_LEN (1u + 10u + 14u + DIGEST_LEN)
enum coffer_err canary_plain(const uint8_t header[static HEADER_LEN], uint8_t out[static CANARY_PLAIN_LEN]) MUST_USE;
/* What the domain signs: T("archive") | domain id | SHA-512. */
#define SIGNED_MAX 128u
enum coffer_err archive_message(const uint8_t domain_id[static UUID_LEN], const uint8_t digest[static DIGEST_LEN], uint8_t out[static SIGNED_MAX],
	size_t *out_len) MUST_USE;

struct archive {
	int fd;                        /* borrowed */
	struct archive_facts facts;
	uint8_t header[HEADER_LEN];
	struct bytes stanza_member, root_member; /* contents */
	struct store_row stanza_row, root_row;   /* lead into them */
	struct stanza stanza;
	struct bytes canary;
	struct root root;
	bool passed, unlocked;
	/* reading */
	struct bytes in;
	size_t pos;                    /* in `in` */
	uint64_t offset;               /* of the file: behind `in` */
};

/* read.c: the file piece by piece. */
void archive_rewind(struct archive *a);
/* The next n bytes, borrowed until the next call. ERR_TRUNCATED, ERR_IO. */
enum coffer_err archive_take(struct archive *a, size_t n, struct view *out, struct reason *reason) MUST_USE;
uint64_t archive_left(const struct archive *a);
/* The next member, front and all: type, content. ERR_CORRUPT: an unknown type or a length that cannot be. */
enum coffer_err archive_next(struct archive *a, uint8_t *out_type, struct view *out_whole, struct view *out_content, struct reason *reason) MUST_USE;
enum coffer_err archive_take_preamble(struct archive *a, struct view *out, struct reason *reason) MUST_USE;

#endif
