/* Makes a small domain in memory and archives of it, for the tests, the seeds and the fuzz target of archives. Dies when anything fails. */
#ifndef COFFER_TESTS_ARCHIVE_MAKER_H
#define COFFER_TESTS_ARCHIVE_MAKER_H

#include "archive/archive.h"
#include "audit/digest.h"

#define MAKER_PASSPHRASE "correct horse battery staple"

struct maker {
	struct domain_id domain;
	struct ring *ring;
	struct secret *seed;
	struct store *store;             /* rooted, in memory; a transaction is open between maker_open and maker_archive */
	struct store_row stanza;
	struct buf stanza_body, texts[3];
	struct view shares[3];           /* printed, any 2 of 3; empty with a passphrase */
	struct audit_place audit;        /* the newest audit record */
	struct bytes file;               /* the archive */
	uint64_t size;
	uint8_t sha256[32];
	bool whole;
};

/* salt: another domain each. generations: data keys, 1 and up. */
void maker_open(struct maker *m, uint8_t salt, unsigned generations, bool passphrase);
/* The same with the data keys first to last. */
void maker_open_from(struct maker *m, uint8_t salt, unsigned first, unsigned last, bool passphrase);
void maker_done(struct maker *m);
/* A sealed row. */
void maker_put(struct maker *m, enum store_table table, const char *id, const char *plain, uint32_t state);
/* The next audit record. */
void maker_audit(struct maker *m, const char *details);
/* Some rows of each table. */
void maker_fill(struct maker *m);
/* Commits, and makes m->file. Once. */
void maker_archive(struct maker *m);
/* The same once more, of what the store holds below its version root. */
void maker_archive_of(struct maker *m, struct store *store);
/* An open file with these bytes. */
int maker_file(struct view bytes);
/* Makes the signature right for what was changed in front of it. */
void maker_sign(struct maker *m, struct bytes *file);

#endif
