/* The module's way in and out through p11-kit. */
#include "hsm/module.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "hsm/p11_err.h"

static enum coffer_err check_file(const char *path, struct reason *reason)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		return reason_fail(reason, ERR_USAGE, "PKCS#11 module %s: %s; correct module-path in the token URI", path,
			strerror(errno));
	}
	if (!S_ISREG(st.st_mode)) return reason_fail(reason, ERR_USAGE, "PKCS#11 module %s is not a regular file", path);
	if (st.st_mode & S_IWOTH) {
		return reason_fail(reason, ERR_USAGE, "PKCS#11 module %s can be written by everyone; run: chmod o-w %s", path, path);
	}
	return ERR_OK;
}

/* Every call that this backend makes. A module that lacks one is not usable, and a NULL would crash us later. */
static bool functions_complete(const CK_FUNCTION_LIST *f)
{
	return f->C_Initialize && f->C_Finalize && f->C_GetSlotList && f->C_GetTokenInfo && f->C_GetMechanismInfo &&
	       f->C_OpenSession && f->C_CloseSession && f->C_Login && f->C_CreateObject && f->C_DestroyObject &&
	       f->C_GetAttributeValue && f->C_FindObjectsInit && f->C_FindObjects && f->C_FindObjectsFinal &&
		f->C_GenerateKey &&
	       f->C_WrapKey && f->C_UnwrapKey && f->C_EncryptInit && f->C_Encrypt && f->C_DecryptInit && f->C_Decrypt &&
	       f->C_GenerateRandom;
}

enum coffer_err hsm_module_open(struct hsm_module *out, const char *path, struct reason *reason)
{
	TRY(check_file(path, reason));
	struct hsm_module m = { 0 };
	p11_kit_be_quiet(); /* its sentences go into the reason instead */
	m.fn = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED | P11_KIT_MODULE_CRITICAL);
	if (!m.fn) {
		const char *why = p11_kit_message();
		return reason_fail(reason, ERR_USAGE, "%s cannot be loaded as a PKCS#11 module: %s", path,
			why ? why : "no reason given");
	}
	if (!functions_complete(m.fn)) {
		p11_kit_module_release(m.fn);
		return reason_fail(reason, ERR_USAGE, "%s lacks PKCS#11 functions that Coffer needs", path);
	}
	enum coffer_err err = hsm_err_fail(reason, "C_Initialize", p11_kit_module_initialize(m.fn));
	if (err != ERR_OK) {
		p11_kit_module_release(m.fn);
		return err;
	}
	m.initialised = true;
	*out = m;
	return ERR_OK;
}

void hsm_module_close(struct hsm_module *m)
{
	if (m->initialised) (void)p11_kit_module_finalize(m->fn);
	if (m->fn) p11_kit_module_release(m->fn);
	*m = (struct hsm_module){ 0 };
}
