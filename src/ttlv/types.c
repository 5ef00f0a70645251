/* Names of types. */
#include "ttlv/ttlv_internal.h"

static const char *const names[TTLV_TYPE_END] = {
#define TTLV_TYPE(id, number, len, name) [number] = name,
#include "ttlv/types.def"
#undef TTLV_TYPE
};

const char *ttlv_type_name(enum ttlv_type type)
{
	return type > TTLV_ANY && type < TTLV_TYPE_END ? names[type] : "?";
}
