/* The PKCS#11 backend's token, shared by its tables of calls. */
#ifndef COFFER_HSM_TOKEN_P11_H
#define COFFER_HSM_TOKEN_P11_H

#include "hsm/binding.h"
#include "hsm/module.h"
#include "hsm/object.h"
#include "hsm/session.h"
#include "hsm/uri.h"
#include "token/token.h"

struct token {
	struct hsm_uri uri;
	struct hsm_module module;
	struct hsm_session session;
	struct hsm_key key;         /* valid while attached */
	struct hsm_binding binding; /* valid while attached */
	bool attached;
	bool dead; /* only a full re-initialisation helps */
};

#endif
