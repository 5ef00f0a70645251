/* Every tag as TAG_<NAME> (tags.def: KMIP 1.0 to 1.4, 2.0, 2.1) and TAG_COFFER_<NAME> (vendor.def). */
#ifndef COFFER_KMIP_TAGS_H
#define COFFER_KMIP_TAGS_H

#define TAG_NOT_IN_1X 255 /* in the place of a minor version: the tag came with KMIP 2 */

enum kmip_tag {
#define TAG(id, number, name, since) TAG_##id = number,
#include "kmip/tags.def"
#undef TAG
#define VENDOR_TAG(id, number, name, type) TAG_COFFER_##id = number,
#include "kmip/vendor.def"
	TAG_END
};

#endif
