/* Fields that came with a later version of KMIP than the one that is spoken. */
#ifndef COFFER_KMIP_NEWER_H
#define COFFER_KMIP_NEWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

/* Takes the items that KMIP 1.<minor> does not know (kmip_tag_since) out of what `w` wrote from `from` on, at every depth: a client never gets a field
 * of a newer version, such as the fields that Cryptographic Parameters got later. `from` is where an item begins; the structure around it is still
 * open. What was written is our own and well-formed; it is left alone after a failure of the writer. */
void kmip_drop_newer(struct writer *w, size_t from, uint32_t minor);

#endif
