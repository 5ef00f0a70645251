/* Domain records (table 5) of one kind, each named by a prefix and 16 bytes in hex: enrolment tokens, listed endorsement certificates. Store thread. */
#ifndef COFFER_DOMAIN_RECORD_LIST_H
#define COFFER_DOMAIN_RECORD_LIST_H

#include "store/store.h"

#define RECORD_LIST_ID_LEN 16u
#define RECORD_LIST_MAX 256u
#define RECORD_LIST_NAME_LEN 64u /* with NUL; prefixes of at most 31 bytes */

struct record_list {
	uint8_t ids[RECORD_LIST_MAX][RECORD_LIST_ID_LEN];
	size_t count;
};

void record_list_name(const char *prefix, const uint8_t id[static RECORD_LIST_ID_LEN], char out[static RECORD_LIST_NAME_LEN]);
/* The ids in their order, at most max (<= RECORD_LIST_MAX). ERR_CORRUPT: more, or a row that is none: rows that nobody of ours wrote must not hide those that are. */
enum coffer_err record_list_gather(struct store *store, const char *prefix, size_t max, struct record_list *out) MUST_USE;

#endif
