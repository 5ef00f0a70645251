/* Vendor requests and their answers. */
#ifndef COFFER_TESTS_OPS_VENDOR_H
#define COFFER_TESTS_OPS_VENDOR_H

#include "unit/ops/fixture.h"

/* One pair, as every test here uses it; NULL writes none. */
void vendor_put_context(struct ask *a, const char *name, const char *value);
/* Ends the request of one item, sends it, and returns the item's error; *out must be freed. */
enum coffer_err vendor_send(struct fix *f, unsigned uid, struct ask *a, struct answer *out);
/* The field of the only item's payload with this tag; the test fails when there is none. */
struct ttlv_item vendor_field(const struct answer *a, uint32_t tag);
/* How many fields with this tag. */
size_t vendor_count(const struct answer *a, uint32_t tag);
struct view vendor_bytes(const struct answer *a, uint32_t tag);
struct view vendor_text(const struct answer *a, uint32_t tag);
int32_t vendor_i32(const struct answer *a, uint32_t tag);
int64_t vendor_i64(const struct answer *a, uint32_t tag);
/* Whether a text holds a string. */
bool vendor_holds(struct view text, const char *part);

/* Seals `plain` with the key named so (context app=`app`), which must succeed; appends the sealed message to *out. */
void vendor_seal(struct fix *f, unsigned uid, const char *key_name, const char *app, struct view plain, struct buf *out);
/* Sends Open or Rewrap of sealed data. */
enum coffer_err vendor_sealed(struct fix *f, unsigned uid, uint32_t operation, const char *app, struct view sealed, struct answer *out);

#endif
