/* Calls of the command line for a sealed node (docs/formats.md section 21). Conventions of coffer.h and client/admin.h. */
#ifndef COFFER_CLIENT_UNSEAL_H
#define COFFER_CLIENT_UNSEAL_H

#include "base/secret.h"
#include "client/include/coffer.h"

enum unseal_way { UNSEAL_ASK, UNSEAL_TOKEN, UNSEAL_PIN, UNSEAL_SHARES, UNSEAL_PASSPHRASE, UNSEAL_FORGET };
enum unseal_recovery { UNSEAL_BY_SHARES = 1, UNSEAL_BY_PASSPHRASE = 2, UNSEAL_BY_NOTHING = 3 };

struct unseal_answer {
	bool sealed;                          /* false: nothing else is set */
	enum unseal_recovery recovery;
	unsigned shares, threshold;           /* with shares */
	unsigned given, missing;              /* with shares: those that the node holds, and how many more open it */
	char set[16];                         /* name of the set in force */
};

/* secret: PIN, one share or the passphrase, with a NUL behind it that does not count (cli/prompt.h); NULL with the other ways. */
enum coffer_status unseal_call(struct coffer *c, enum unseal_way way, const struct secret *secret, struct unseal_answer *out);

#endif
