/* Loads the shim once. */
#include "unit/hsm/shimmed.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "unit/hsm/fixture.h"

hsm_shim_arm_fn *shim_arm, *shim_arm_after;
hsm_shim_lie_fn *shim_lie;
hsm_shim_hook_fn *shim_hook;
hsm_shim_calls_fn *shim_calls;

static int load(void)
{
	void *lib = dlopen(HSM_SHIM_PATH, RTLD_NOW | RTLD_LOCAL);
	if (!lib) return -1;
	*(void **)&shim_arm = dlsym(lib, "hsm_shim_arm");
	*(void **)&shim_arm_after = dlsym(lib, "hsm_shim_arm_after");
	*(void **)&shim_lie = dlsym(lib, "hsm_shim_lie");
	*(void **)&shim_hook = dlsym(lib, "hsm_shim_hook");
	*(void **)&shim_calls = dlsym(lib, "hsm_shim_calls");
	return 0;
}

int shimmed_setup(void **state)
{
	static const char *const settings[] = { "HSM_SHIM_HIDE", "HSM_SHIM_CARELESS", "HSM_SHIM_FLAGS", "HSM_SHIM_LAX" };
	if (hsm_fixture_setup(state) != 0) return -1;
	const struct hsm_fixture *f = *state;
	setenv("HSM_SHIM_MODULE", f->softhsm, 1);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) unsetenv(settings[i]);
	if (!shim_arm && load() != 0) return -1;
	shim_arm(NULL, 0, 0, 0);
	return 0;
}
