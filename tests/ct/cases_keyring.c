#include "ct/ct.h"

const struct ct_case ct_keyring[] = {
	{ NULL, CT_CLEAN, NULL },
};
