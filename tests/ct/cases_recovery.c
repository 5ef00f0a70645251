#include "ct/ct.h"

const struct ct_case ct_recovery[] = {
	{ NULL, CT_CLEAN, NULL },
};
