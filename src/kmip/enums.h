/* Every enumeration of KMIP 1.0 to 1.4, 2.0 and 2.1 (enums.def): `enum kmip_object_type { OBJECT_TYPE_CERTIFICATE =
 * 1, … }`, bit masks as well (CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT = 4), and the vendor operations
 * (OPERATION_COFFER_SEAL …). Values on the wire are uint32_t; these names are for comparing. */
#ifndef COFFER_KMIP_ENUMS_H
#define COFFER_KMIP_ENUMS_H

#define ENUM_BEGIN(id, lower, name, tag) enum kmip_##lower {
#define ENUM_VALUE(id, value, number, name) id##_##value = number,
#define ENUM_END(id) };
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END

enum kmip_vendor_operation {
#define VENDOR_OPERATION(id, number, name) OPERATION_COFFER_##id = number,
#include "kmip/vendor.def"
};

/* The enumerations themselves, for kmip/names.h. */
enum kmip_enum {
	ENUM_NONE,
#define ENUM_BEGIN(id, lower, name, tag) ENUM_##id,
#define ENUM_VALUE(id, value, number, name)
#define ENUM_END(id)
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END
	ENUM_COUNT
};

#endif
