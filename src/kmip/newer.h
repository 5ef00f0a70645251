/* Fields that came with a later version of KMIP than the one that is spoken. */
#ifndef COFFER_KMIP_NEWER_H
#define COFFER_KMIP_NEWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

/* Takes out of what `w` wrote from `from` on, at every depth, what KMIP 1.<minor> does not know: items of newer tags (kmip_tag_since), and fields that
 * a structure got later than their tag (Key Format Type of a Digest …). `from` is where an item begins; the structure around it is still open. What was
 * written is our own and well-formed; it is left alone after a failure of the writer. Any thread. */
void kmip_drop_newer(struct writer *w, size_t from, uint32_t minor);
/* The same for what no version of KMIP 1.x here knows: fields of a request in a newer version, which are passed over (section 11.1). */
void kmip_drop_unknown(struct writer *w, size_t from);

#endif
