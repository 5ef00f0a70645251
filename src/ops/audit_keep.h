/* Old records of the audit log leave the store, where the configuration says so (docs/formats.md section 20.7). */
#ifndef COFFER_OPS_AUDIT_KEEP_H
#define COFFER_OPS_AUDIT_KEEP_H

#include "ops/engine.h"

#define AUDIT_KEEP_LEAST 1000u /* records that stay in any case */

/* One transaction's worth: 256 records at most. exported_to: newest record that a file has, with a checkpoint behind it. *out_more: there is more to be taken out now. What fails is
 * logged, and returned for who wants to know. Any thread but the store thread, the node open. */
enum coffer_err audit_keep_step(struct engine *engine, uint64_t exported_to, bool *out_more);

#endif
