/* The shim (shim.h) in the test's own process, between Coffer and the fixture's SoftHSM. */
#ifndef COFFER_TESTS_UNIT_HSM_SHIMMED_H
#define COFFER_TESTS_UNIT_HSM_SHIMMED_H

#include "unit/hsm/shim.h"

extern hsm_shim_arm_fn *shim_arm, *shim_arm_after;
extern hsm_shim_lie_fn *shim_lie;
extern hsm_shim_hook_fn *shim_hook;
extern hsm_shim_calls_fn *shim_calls;

/* cmocka's, in place of hsm_fixture_setup: the shim is loaded, forwards to SoftHSM, and nothing is armed. */
int shimmed_setup(void **state);

#endif
