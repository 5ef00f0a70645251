/* Table 65 as it stands in the store: the domain's card, and who asks to join (docs/formats.md section 23.3). Anybody who can write the database can write it: what is
 * read here is bounded, and judged by who reads it (admission.h). Store thread. */
#ifndef COFFER_DOMAIN_WAITING_H
#define COFFER_DOMAIN_WAITING_H

#include "domain/admission.h"
#include "store/store.h"

/* The card, when it is the one of the typed fingerprint: fills id and public key of *domain. ERR_NOT_FOUND with a sentence: there is none; else as admission_card_read. */
enum coffer_err waiting_card(struct store *store, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct domain_id *domain, struct reason *reason) MUST_USE;
/* Whether there is one, whatever it says. */
enum coffer_err waiting_has_card(struct store *store, bool *out) MUST_USE;
/* Inside a transaction; what stands there is replaced. */
enum coffer_err waiting_put_card(struct store *store, const struct domain_id *domain) MUST_USE;

/* Appends the row of a node. ERR_NOT_FOUND. */
enum coffer_err waiting_get(struct store *store, const uint8_t node_id[static UUID_LEN], struct buf *out) MUST_USE;
/* Inside a transaction. ERR_LIMIT: ADMISSION_WAITING_MAX others wait. */
enum coffer_err waiting_put(struct store *store, const uint8_t node_id[static UUID_LEN], struct view row) MUST_USE;
/* Inside a transaction; none there is no error. */
enum coffer_err waiting_erase(struct store *store, const uint8_t node_id[static UUID_LEN]) MUST_USE;

/* Each row but the card, at most ADMISSION_WAITING_MAX; no store call in fn, whose result ends it. */
typedef enum coffer_err waiting_fn(void *arg, const uint8_t node_id[static UUID_LEN], struct view row);
enum coffer_err waiting_each(struct store *store, waiting_fn *fn, void *arg) MUST_USE;
/* Appends the row whose request has this fingerprint, all 160 bits of it. ERR_NOT_FOUND with a sentence. */
enum coffer_err waiting_find(struct store *store, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct buf *out, struct reason *reason) MUST_USE;
/* Inside a transaction: erases what is older than a day, or is no request. */
enum coffer_err waiting_clear(struct store *store, uint64_t now_ms) MUST_USE;

#endif
