/* Answers already given, so that a repeated request id has one effect (docs/formats.md section 6, kind request). Store thread. */
#ifndef COFFER_OPS_REQUEST_RECORD_H
#define COFFER_OPS_REQUEST_RECORD_H

#include "access/principal.h"
#include "base/buf.h"
#include "kmip/message.h"
#include "objects/txn.h"

#define REQUEST_RECORD_LIFE_S 86400u
#define REQUEST_RECORD_ANSWER_MAX (1024u * 1024u) /* bytes; a longer answer is not kept */
#define REQUEST_RECORD_SWEEP 64u                  /* rows looked at by one sweep, most */

/* SHA-256 of what is asked: operation and payload of every item. The header does not count (time stamp, size limits). */
enum coffer_err request_record_digest(const struct kmip_request *request, uint8_t out[static 32]) MUST_USE;
/* What is remembered of the table between requests; zeroes at the start, of the store lane.
 * Expired records are looked for round and round, 24 rows with one new one of sixteen, and 2 with each that has 64 KiB or more, so that all of them have been looked at when twice as many have come. That begins behind a new record: behind the newest
 * where ids begin with times, and so with the oldest; anywhere where they are digests, for a process that hardly lives long enough to come round. */
struct request_records {
	struct store_place swept;
	uint32_t until_sweep;     /* records */
	uint64_t shared_since_ms; /* when this process first looked into a store that several nodes write; 0: it did not */
};

/* Appends the stored answer to *answer when this principal's request id was carried out in the last 24 hours with the same digest.
 * ERR_EXISTS with a sentence: the id was used for something else, or the answer was not kept. */
enum coffer_err request_record_find(struct txn *txn, struct request_records *of, const struct principal *principal,
	const uint8_t id[static KMIP_REQUEST_ID_LEN], const uint8_t digest[static 32], struct buf *answer, bool *out_found, struct reason *reason) MUST_USE;
/* Writes or replaces the record; an empty answer says "carried out, answer not kept". Now and then sweeps expired ones. */
enum coffer_err request_record_put(struct txn *txn, struct request_records *of, const struct principal *principal,
	const uint8_t id[static KMIP_REQUEST_ID_LEN], const uint8_t digest[static 32], struct view answer) MUST_USE;
/* Whether nobody asks for the row any more: it may be erased. False also when its header cannot be read. */
bool request_record_is_expired(const struct store_row *row);

#endif
