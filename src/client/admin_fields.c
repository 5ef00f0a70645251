/* Texts and shares out of answers. */
#include "client/admin_fields.h"

#include <string.h>

#include "base/text.h"

bool admin_text(const struct ttlv_item *item, char *out, size_t cap)
{
	struct view text;
	if (ttlv_get_text(item, &text) != ERR_OK) return false;
	text_printable(text, out, cap);
	return true;
}

enum coffer_status admin_share(const struct ttlv_item *item, struct secret **out)
{
	struct view text;
	if (ttlv_get_text(item, &text) != ERR_OK || text.len > ADMIN_SHARE_MAX) return COFFER_EPROTOCOL;
	struct secret *share = secret_new(text.len + 1);
	if (!share) return COFFER_EMEMORY;
	if (text.len) memcpy(secret_mut(share), text.ptr, text.len);
	*out = share;
	return COFFER_OK;
}
