/* Writing T(label). */
#include "keyring/label.h"

#include <string.h>

#include "base/err.h"

void label_write(struct writer *w, const char *label)
{
	size_t len = strlen(label);
	PRE(len >= 1 && len <= LABEL_MAX);
	writer_u8(w, (uint8_t)(sizeof LABEL_PREFIX - 1 + len));
	writer_bytes(w, view_str(LABEL_PREFIX));
	writer_bytes(w, view_str(label));
}
