/* The audit chain as exports tell it: rows with their links, places, and what the domain key signs about them. Store thread, inside a transaction. */
#ifndef COFFER_AUDIT_PAGE_H
#define COFFER_AUDIT_PAGE_H

#include "audit/digest.h"
#include "audit/event.h"
#include "objects/txn.h"

/* The place of record seq; 0: in front of the first one. Of those that were taken out of the store the last one has a place alone. ERR_NOT_FOUND, ERR_CORRUPT. */
enum coffer_err audit_page_place(struct txn *txn, uint64_t seq, struct audit_place *out) MUST_USE;
/* The same of a chain of this domain, whichever node's. */
enum coffer_err audit_page_place_of(struct txn *txn, const struct domain_id *domain, uint64_t seq, struct audit_place *out) MUST_USE;
/* Rows from `first` (1 and up) on, at most limit, in order; views live during the call. ERR_CORRUPT: the one behind the last that was handed out does not
 * open, or is not there although one behind it is. The caller's own error ends the scan. */
typedef enum coffer_err audit_page_fn(void *arg, const struct audit_event *event, const struct audit_links *links);
enum coffer_err audit_page_rows(struct txn *txn, uint64_t first, size_t limit, audit_page_fn *fn, void *arg) MUST_USE;
/* Signed now over what the store holds for record seq (0: none yet), with all before it. */
enum coffer_err audit_page_checkpoint(struct txn *txn, uint64_t seq, struct audit_checkpoint *out) MUST_USE;
/* The place of the first record behind seq that can be read: those between are damaged, or not there. ERR_NOT_FOUND: there is none. */
enum coffer_err audit_page_place_behind(struct txn *txn, uint64_t seq, struct audit_place *out) MUST_USE;
/* Signed now: the records behind `before`, which this store said once, up to record `to` are left out. why is borrowed by *out. */
enum coffer_err audit_page_gap(struct txn *txn, const struct audit_place *before, uint64_t to, struct view why, struct audit_gap *out) MUST_USE;

#endif
