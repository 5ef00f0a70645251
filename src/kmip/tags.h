/* Every tag as TAG_<NAME> (tags.def: KMIP 1.0 to 1.4, 2.0, 2.1) and TAG_COFFER_<NAME> (vendor.def). */
#ifndef COFFER_KMIP_TAGS_H
#define COFFER_KMIP_TAGS_H

enum kmip_tag {
#define TAG(id, number, name) TAG_##id = number,
#include "kmip/tags.def"
#undef TAG
#define VENDOR_TAG(id, number, name) TAG_COFFER_##id = number,
#include "kmip/vendor.def"
	TAG_END
};

#endif
