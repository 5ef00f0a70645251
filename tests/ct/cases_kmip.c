#include "ct/ct.h"

const struct ct_case ct_kmip[] = {
	{ NULL, CT_CLEAN, NULL },
};
