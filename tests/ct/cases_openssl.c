#include "ct/ct.h"

const struct ct_case ct_openssl[] = {
	{ NULL, CT_CLEAN, NULL },
};
