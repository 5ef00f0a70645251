/* Discover Versions (KMIP 1.4 section 4.26): the versions spoken here, or those of the client's that are. */
#include "kmip/version.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

#define ASKED_MAX 32u

enum coffer_err op_discover_versions(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_version asked[ASKED_MAX];
	size_t asked_count = 0, known_count;
	const struct kmip_version *known = kmip_versions(&known_count);
	while (ttlv_peek_tag(payload) == TAG_PROTOCOL_VERSION) {
		struct ttlv_item item;
		if (asked_count == ASKED_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "at most %u versions can be asked for", ASKED_MAX);
		TRY(ttlv_take(payload, TAG_PROTOCOL_VERSION, &item));
		TRY(kmip_version_parse(&item, &asked[asked_count]));
		asked_count++;
	}
	TRY(kmip_end(ctx, payload));
	for (size_t i = 0; i < known_count; i++) {
		bool wanted = asked_count == 0;
		for (size_t k = 0; k < asked_count && !wanted; k++)
			wanted = asked[k].major == known[i].major && asked[k].minor == known[i].minor;
		if (wanted) kmip_version_put(out, known[i]);
	}
	return ERR_OK;
}
