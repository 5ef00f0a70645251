/* A database in hostile hands, for fuzz_row: rows whose columns the input chooses, some of them sealed, signed or linked as only the domain can, so
 * that the decoders behind the seal are reached. */
#ifndef COFFER_TESTS_FUZZ_ROWS_H
#define COFFER_TESTS_FUZZ_ROWS_H

#include "base/reader.h"
#include "fuzz/fuzz.h"
#include "keyring/ring.h"
#include "objects/txn.h"

struct rows {
	struct domain_id domain;
	struct secret *seed;       /* private half of the domain key pair */
	struct secret *data_key;
	struct ring *ring;         /* generation 1 */
	struct object_table *table;
	struct store *store;       /* empty for each input */
	struct txn *txn;           /* open */
	struct reader in;
};

/* The next row of the input: version, state, generation (u32 each), id, header, index, body (each u16 length, bytes). Whatever is missing is
 * empty. Views borrow the input. */
void rows_take(struct rows *r, struct store_row *out);
/* Whether the input has another one. */
bool rows_more(const struct rows *r);
/* The rest of the input. */
struct view rows_rest(struct rows *r);
/* Seals `row`, its body as plaintext, and puts it; false when the columns are such that no program would write them. */
bool rows_put_sealed(struct rows *r, enum store_table table, struct store_row *row);
/* Puts it as it is; false when the store refuses. */
bool rows_put(struct rows *r, enum store_table table, const struct store_row *row);
/* What reading rows says of bad ones: ERR_CORRUPT or ERR_VERSION. */
bool rows_is_fault(enum coffer_err err);
/* The same, or the error of the byte reader or ring that found it: answers already given and audit links do not translate these. */
bool rows_is_refusal(enum coffer_err err);

/* rows_records.c */
void rows_object(struct rows *r, bool sealed);
void rows_grants(struct rows *r, bool sealed);
void rows_request(struct rows *r, bool sealed);
void rows_audit(struct rows *r, bool sealed);
/* rows_keys.c */
void rows_identity(struct rows *r, bool summed);
void rows_slot(struct rows *r, bool authentic);
void rows_domain_key(struct rows *r, bool sealed);
void rows_stanza(struct rows *r, bool authentic);
void rows_small(struct rows *r, bool sealed);

#endif
