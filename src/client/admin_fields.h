/* Fields of answers that several administration calls read. */
#ifndef COFFER_CLIENT_ADMIN_FIELDS_H
#define COFFER_CLIENT_ADMIN_FIELDS_H

#include "base/secret.h"
#include "client/include/coffer.h"
#include "ttlv/ttlv.h"

#define ADMIN_SHARE_MAX 4096u /* bytes of a printed share */

/* A text for people, made printable and cut to cap (bytes with its NUL). False, and out untouched: the item is no text. */
bool admin_text(const struct ttlv_item *item, char *out, size_t cap);
/* A printed share; it keeps a NUL behind it. Caller frees *out. COFFER_EPROTOCOL: no text, or longer than ADMIN_SHARE_MAX; COFFER_EMEMORY. */
enum coffer_status admin_share(const struct ttlv_item *item, struct secret **out);

#endif
