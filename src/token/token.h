/* The token interface: all key hardware behind eight calls. Implemented by hsm/token_p11.c and tpm/token_tpm.c, which
 * run only inside coffer-tokend; cofferd sees it through token/proxy.h.
 *
 * A token is used by one thread. No call has a deadline of its own (neither the TSS nor a PKCS#11 module has one): the
 * caller of coffer-tokend ends the process when it takes too long. No call retries anything that costs a PIN or
 * authorization try. Signing, counters, policies and PIN change are optional tables beside this one, added when needed. */
#ifndef COFFER_TOKEN_TOKEN_H
#define COFFER_TOKEN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "base/view.h"

#define TOKEN_URI_MAX 1024u      /* bytes of a token URI */
#define TOKEN_BINDING_MAX 1024u  /* bytes of the backend's own part of a binding */
#define TOKEN_BLOB_MAX 4096u     /* bytes of a wrapped data key */
#define TOKEN_SECRET_LEN 32u     /* a data key */
#define TOKEN_MS_ID_LEN 32u      /* bytes of a master-secret id */

/* What cofferd keeps in the slot row and hands back at every start, so that another token, another master secret or a
 * replaced primary is refused (ERR_TOKEN_OTHER) before anything is opened with it. */
struct token_binding {
	uint8_t master_secret_id[TOKEN_MS_ID_LEN]; /* TPM: SHA-256 of the master secret's Name; PKCS#11: SHA-256 over token serial,
	                                               label, CKA_ID and the canary blob */
	char mechanism[40];            /* how data keys are wrapped: "tpm2-seal", "CKM_AES_KEY_WRAP" …; proven by a round trip */
	uint8_t data[TOKEN_BINDING_MAX]; /* backend's own: TPM: handles, pinned primary Name, master Name; PKCS#11: serial, key id,
	                                    canary blob … */
	size_t data_len;
};

/* For status. Everything is printable text. */
struct token_info {
	char kind[16];          /* "tpm2" or "pkcs11" */
	char manufacturer[64];
	char model[64];
	char serial[64];        /* "" when it has none */
	char label[64];
	char firmware[32];
	char master_secret[128]; /* "ECC P-384, AES-256-CFB, persistent 0x81010C0F", "AES-256 'master' id 11" */
	char mechanism[40];
	char warning[256];      /* "" or e.g. "master secret: weak usage" */
	bool made_here;         /* provision made it (false: adopted) */
};

struct token; /* backend's own */

struct token_ops {
	const char *kind; /* "tpm2", "pkcs11" */
	/* Connects to the token that the URI names, logs in where it needs that (one try), sweeps what a crash left behind.
	 * ERR_USAGE: URI; ERR_TOKEN_GONE: no answer, not present; ERR_AUTH: PIN wrong (never retried); ERR_TOKEN_LOCKED. */
	enum coffer_err (*open)(const char *uri, struct token **out, struct reason *reason);
	/* Adopts the master secret that an operator or an earlier attempt made, after checking its template (ERR_TOKEN_REFUSED
	 * with the sentence that mends it), or makes one where there is none. Chooses the wrapping mechanism by a proven
	 * round trip. Afterwards the token is attached. */
	enum coffer_err (*provision)(struct token *t, struct token_binding *out, struct reason *reason);
	/* Finds the master secret of `binding` again and checks it against what is pinned there. ERR_TOKEN_OTHER: another token or
	 * key; ERR_TOKEN_KEY_MISSING: not shown by the token (never a reason to make a new one). */
	enum coffer_err (*attach)(struct token *t, const struct token_binding *binding, struct reason *reason);
	enum coffer_err (*describe)(struct token *t, struct token_info *out, struct reason *reason);
	/* Wraps TOKEN_SECRET_LEN bytes; attached only. Appends at most TOKEN_BLOB_MAX bytes to out. */
	enum coffer_err (*wrap)(struct token *t, const struct secret *plain, struct buf *out, struct reason *reason);
	/* ERR_CORRUPT when the token refuses the blob. Caller frees *out. */
	enum coffer_err (*unwrap)(struct token *t, struct view blob, struct secret **out, struct reason *reason);
	enum coffer_err (*random)(struct token *t, uint8_t *out, size_t len, struct reason *reason);
	/* Wraps and unwraps a fresh canary; attached only. */
	enum coffer_err (*probe)(struct token *t, struct reason *reason);
	/* Releases everything (sessions, transient objects), accepts NULL. */
	void (*close)(struct token *t);
};

/* The one backend linked into this program (hsm/ or tpm/). */
extern const struct token_ops token_backend;

#endif
