/* Protocol versions. */
#include "kmip/version.h"

#include "kmip/tags.h"

static const struct kmip_version versions[] = { { 1, 4 }, { 1, 3 }, { 1, 2 }, { 1, 1 }, { 1, 0 } };

const struct kmip_version *kmip_versions(size_t *out_count)
{
	*out_count = sizeof versions / sizeof versions[0];
	return versions;
}

bool kmip_version_known(struct kmip_version v)
{
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		if (versions[i].major == v.major && versions[i].minor == v.minor) return true;
	return false;
}

enum coffer_err kmip_version_choose(struct kmip_version sent, struct kmip_version *out)
{
	ENSURE(sent.major == KMIP_VERSION_HIGHEST.major, ERR_VERSION);
	*out = kmip_version_known(sent) ? sent : KMIP_VERSION_HIGHEST;
	return ERR_OK;
}

enum coffer_err kmip_version_parse(const struct ttlv_item *item, struct kmip_version *out)
{
	struct ttlv_cursor c;
	int32_t major, minor;
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_i32(&c, TAG_PROTOCOL_VERSION_MAJOR, &major));
	TRY(ttlv_take_i32(&c, TAG_PROTOCOL_VERSION_MINOR, &minor));
	TRY(ttlv_done(&c));
	ENSURE(major >= 0 && minor >= 0, ERR_INPUT);
	*out = (struct kmip_version){ (uint32_t)major, (uint32_t)minor };
	return ERR_OK;
}

void kmip_version_put(struct writer *w, struct kmip_version v)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_PROTOCOL_VERSION);
	ttlv_put_i32(w, TAG_PROTOCOL_VERSION_MAJOR, (int32_t)v.major);
	ttlv_put_i32(w, TAG_PROTOCOL_VERSION_MINOR, (int32_t)v.minor);
	ttlv_end(w, mark);
}
