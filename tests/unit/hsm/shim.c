/* The fault shim of shim.h. One thread. */
#include "unit/hsm/shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define EXPORT __attribute__((visibility("default")))
#define NAMES_MAX 40u

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;
static struct { const char *name; unsigned count; } calls[NAMES_MAX];
/* What happens at the armed call. */
enum mode { MODE_ANSWER, MODE_ANSWER_AFTER, MODE_LIE, MODE_HOOK };
static struct { char name[32]; unsigned nth; CK_RV rv; bool forever; enum mode mode; CK_ULONG lie; void (*hook)(void *); void *arg; } armed;

hsm_shim_arm_fn hsm_shim_arm EXPORT;
hsm_shim_arm_fn hsm_shim_arm_after EXPORT;
hsm_shim_lie_fn hsm_shim_lie EXPORT;
hsm_shim_hook_fn hsm_shim_hook EXPORT;
hsm_shim_calls_fn hsm_shim_calls EXPORT;

static unsigned *counter(const char *name)
{
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (!calls[i].name) calls[i].name = name;
		if (strcmp(calls[i].name, name) == 0) return &calls[i].count;
	}
	abort();
}

static void set(const char *call, unsigned nth, bool forever, enum mode mode)
{
	for (size_t i = 0; i < NAMES_MAX; i++) calls[i].count = 0;
	memset(&armed, 0, sizeof armed);
	if (!call) return;
	strncpy(armed.name, call, sizeof armed.name - 1);
	armed.nth = nth;
	armed.forever = forever;
	armed.mode = mode;
}

void hsm_shim_arm(const char *call, unsigned nth, unsigned long rv, int forever)
{
	set(call, nth, forever != 0, MODE_ANSWER);
	armed.rv = rv;
}

void hsm_shim_arm_after(const char *call, unsigned nth, unsigned long rv, int forever)
{
	set(call, nth, forever != 0, MODE_ANSWER_AFTER);
	armed.rv = rv;
}

void hsm_shim_lie(const char *call, unsigned nth, unsigned long length, int forever)
{
	set(call, nth, forever != 0, MODE_LIE);
	armed.lie = length;
}

void hsm_shim_hook(const char *call, unsigned nth, void (*hook)(void *), void *arg, int forever)
{
	set(call, nth, forever != 0, MODE_HOOK);
	armed.hook = hook;
	armed.arg = arg;
}

unsigned hsm_shim_calls(const char *call)
{
	unsigned count = 0;
	for (size_t i = 0; i < NAMES_MAX && calls[i].name; i++) {
		if (!call || strcmp(calls[i].name, call) == 0) count += calls[i].count;
	}
	return count;
}

/* ---- control from outside: a daemon's helper has no test in its process ---- */

static void write_log(const char *what)
{
	const char *path = getenv("HSM_SHIM_LOG");
	char line[64];
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
	if (fd < 0) return;
	int n = snprintf(line, sizeof line, "%ld %s\n", (long)getpid(), what);
	(void)!write(fd, line, (size_t)n);
	(void)close(fd);
}

static void note_fork(void)
{
	write_log("FORKED");
}

/* One line "CALL VALUE" or "CALL sleep MILLISECONDS"; CALL may be "any". Read at each call, so that it can change meanwhile. */
static void obey(const char *name)
{
	const char *path = getenv("HSM_SHIM_CONTROL");
	char call[32] = "", value[32] = "";
	long ms = 0;
	FILE *f = path ? fopen(path, "re") : NULL;
	if (!path) return;
	memset(&armed, 0, sizeof armed);
	int fields = f ? fscanf(f, "%31s %31s %ld", call, value, &ms) : 0;
	if (f) (void)fclose(f);
	if (fields < 2 || (strcmp(call, name) != 0 && strcmp(call, "any") != 0)) return;
	if (fields == 3) {
		const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
		(void)nanosleep(&t, NULL);
		return;
	}
	strncpy(armed.name, name, sizeof armed.name - 1);
	armed.forever = true;
	armed.rv = strtoul(value, NULL, 0);
}

/* Counts the call; true when it is the armed one. */
static bool hit(const char *name)
{
	unsigned n = ++*counter(name);
	write_log(name);
	obey(name);
	return strcmp(armed.name, name) == 0 && (n == armed.nth || (armed.forever && n > armed.nth));
}

/* After the real call: what the armed one answers. */
static CK_RV after(CK_RV rv, CK_ULONG *len)
{
	if (armed.mode == MODE_ANSWER_AFTER) return armed.rv;
	if (armed.mode == MODE_LIE && len && rv == CKR_OK) *len = armed.lie;
	if (armed.mode == MODE_HOOK) armed.hook(armed.arg);
	return rv;
}

/* len: where the call returns a length that can be made to lie, or NULL. */
#define FORWARD_LEN(name, params, args, len) \
	static CK_RV shim_##name params \
	{ \
		bool now = hit(#name); \
		if (now && armed.mode == MODE_ANSWER) return armed.rv; \
		CK_RV rv = real->name args; \
		return now ? after(rv, len) : rv; \
	}
#define FORWARD(name, params, args) FORWARD_LEN(name, params, args, NULL)

typedef CK_SESSION_HANDLE S;
typedef CK_OBJECT_HANDLE O;
typedef CK_ULONG U;
typedef CK_BYTE *B;

FORWARD(C_Initialize, (void *a), (a))
FORWARD(C_Finalize, (void *a), (a))
FORWARD_LEN(C_GetSlotList, (CK_BBOOL p, CK_SLOT_ID *l, U *n), (p, l, n), n)
static CK_RV shim_C_GetTokenInfo(CK_SLOT_ID s, CK_TOKEN_INFO *i)
{
	const char *flags = getenv("HSM_SHIM_FLAGS");
	bool now = hit("C_GetTokenInfo");
	if (now && armed.mode == MODE_ANSWER) return armed.rv;
	CK_RV rv = real->C_GetTokenInfo(s, i);
	if (rv == CKR_OK && flags) i->flags |= strtoul(flags, NULL, 0);
	return now ? after(rv, NULL) : rv;
}

FORWARD(C_OpenSession, (CK_SLOT_ID s, CK_FLAGS f, void *a, CK_NOTIFY n, S *h), (s, f, a, n, h))
FORWARD(C_CloseSession, (S s), (s))
FORWARD(C_Login, (S s, CK_USER_TYPE u, B p, U n), (s, u, p, n))
FORWARD(C_CreateObject, (S s, CK_ATTRIBUTE *t, U n, O *o), (s, t, n, o))
FORWARD(C_DestroyObject, (S s, O o), (s, o))
FORWARD_LEN(C_GetAttributeValue, (S s, O o, CK_ATTRIBUTE *t, U n), (s, o, t, n), &t[0].ulValueLen)
FORWARD(C_FindObjectsInit, (S s, CK_ATTRIBUTE *t, U n), (s, t, n))
FORWARD_LEN(C_FindObjects, (S s, O *o, U m, U *n), (s, o, m, n), n)
FORWARD(C_FindObjectsFinal, (S s), (s))
FORWARD(C_GenerateKey, (S s, CK_MECHANISM *m, CK_ATTRIBUTE *t, U n, O *o), (s, m, t, n, o))

/* $HSM_SHIM_LAX: a token that lets the private half of what it makes out, whatever it is told. */
static CK_RV shim_C_GenerateKeyPair(S s, CK_MECHANISM *m, CK_ATTRIBUTE *pub, U npub, CK_ATTRIBUTE *priv, U npriv, O *opub, O *opriv)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE lax[32];
	bool now = hit("C_GenerateKeyPair");
	if (now && armed.mode == MODE_ANSWER) return armed.rv;
	if (npriv > sizeof lax / sizeof lax[0]) return CKR_HOST_MEMORY;
	memcpy(lax, priv, npriv * sizeof *lax);
	for (U i = 0; i < npriv && getenv("HSM_SHIM_LAX"); i++)
		if (lax[i].type == CKA_EXTRACTABLE) lax[i].pValue = &yes;
	CK_RV rv = real->C_GenerateKeyPair(s, m, pub, npub, lax, npriv, opub, opriv);
	return now ? after(rv, NULL) : rv;
}

/* What was wrapped last: a careless token opens that when it is given altered data. */
static CK_BYTE last[128];
static CK_ULONG last_len;

static CK_RV wrap_and_keep(S s, CK_MECHANISM *m, O w, O k, B o, U *n)
{
	CK_RV rv = real->C_WrapKey(s, m, w, k, o, n);
	if (rv == CKR_OK && *n <= sizeof last) {
		memcpy(last, o, *n);
		last_len = *n;
	}
	return rv;
}

static CK_RV unwrap_carelessly(S s, CK_MECHANISM *m, O w, B i, U n, CK_ATTRIBUTE *t, U c, O *o)
{
	CK_RV rv = real->C_UnwrapKey(s, m, w, i, n, t, c, o);
	if (rv == CKR_OK || !getenv("HSM_SHIM_CARELESS")) return rv;
	return real->C_UnwrapKey(s, m, w, last, last_len, t, c, o);
}

static CK_RV shim_C_WrapKey(S s, CK_MECHANISM *m, O w, O k, B o, U *n)
{
	bool now = hit("C_WrapKey");
	if (now && armed.mode == MODE_ANSWER) return armed.rv;
	CK_RV rv = wrap_and_keep(s, m, w, k, o, n);
	return now ? after(rv, n) : rv;
}

static CK_RV shim_C_UnwrapKey(S s, CK_MECHANISM *m, O w, B i, U n, CK_ATTRIBUTE *t, U c, O *o)
{
	bool now = hit("C_UnwrapKey");
	if (now && armed.mode == MODE_ANSWER) return armed.rv;
	CK_RV rv = unwrap_carelessly(s, m, w, i, n, t, c, o);
	return now ? after(rv, NULL) : rv;
}

FORWARD(C_EncryptInit, (S s, CK_MECHANISM *m, O k), (s, m, k))
/* Every answer but CKR_BUFFER_TOO_SMALL ends the operation, so the real one has to take place. */
#define FORWARD_ENDING(name) \
	static CK_RV shim_##name(S s, B i, U n, B o, U *l) \
	{ \
		bool now = hit(#name); \
		if (now && armed.mode == MODE_ANSWER && armed.rv == CKR_BUFFER_TOO_SMALL) return armed.rv; \
		CK_RV rv = real->name(s, i, n, o, l); \
		return now && armed.mode == MODE_ANSWER ? armed.rv : now ? after(rv, l) : rv; \
	}
FORWARD_ENDING(C_Encrypt)
FORWARD(C_DecryptInit, (S s, CK_MECHANISM *m, O k), (s, m, k))
FORWARD_ENDING(C_Decrypt)
FORWARD(C_GenerateRandom, (S s, B o, U n), (s, o, n))
FORWARD(C_SetPIN, (S s, B old, U n, B new, U m), (s, old, n, new, m))
FORWARD(C_SignInit, (S s, CK_MECHANISM *m, O k), (s, m, k))
FORWARD_ENDING(C_Sign)
FORWARD(C_DeriveKey, (S s, CK_MECHANISM *m, O k, CK_ATTRIBUTE *t, U n, O *o), (s, m, k, t, n, o))

static CK_RV shim_C_GetMechanismInfo(CK_SLOT_ID s, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *i)
{
	const char *p = getenv("HSM_SHIM_HIDE");
	while (p && *p) {
		char *end;
		if (strtoul(p, &end, 0) == type) return CKR_MECHANISM_INVALID;
		p = *end ? end + 1 : NULL;
	}
	if (hit("C_GetMechanismInfo")) return armed.rv;
	return real->C_GetMechanismInfo(s, type, i);
}

static void arm_from_environment(void)
{
	const char *call = getenv("HSM_SHIM_CALL"), *nth = getenv("HSM_SHIM_NTH"), *rv = getenv("HSM_SHIM_RV");
	if (call && rv) hsm_shim_arm(call, nth ? (unsigned)strtoul(nth, NULL, 0) : 1, strtoul(rv, NULL, 0), 0);
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	if (!real) {
		const char *path = getenv("HSM_SHIM_MODULE");
		void *lib = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
		CK_C_GetFunctionList get = NULL;
		if (lib) *(void **)&get = dlsym(lib, "C_GetFunctionList");
		if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
		arm_from_environment();
		if (getenv("HSM_SHIM_LOG")) (void)pthread_atfork(NULL, NULL, note_fork);
	}
	list = *real;
#define SET(name) list.name = shim_##name
	SET(C_Initialize); SET(C_Finalize); SET(C_GetSlotList); SET(C_GetTokenInfo); SET(C_GetMechanismInfo); SET(C_OpenSession);
	SET(C_CloseSession); SET(C_Login); SET(C_CreateObject); SET(C_DestroyObject); SET(C_GetAttributeValue);
	SET(C_FindObjectsInit); SET(C_FindObjects); SET(C_FindObjectsFinal); SET(C_GenerateKey); SET(C_WrapKey); SET(C_UnwrapKey);
	SET(C_EncryptInit); SET(C_Encrypt); SET(C_DecryptInit); SET(C_Decrypt); SET(C_GenerateRandom); SET(C_GenerateKeyPair);
	SET(C_SetPIN); SET(C_SignInit); SET(C_Sign); SET(C_DeriveKey);
	*out = &list;
	return CKR_OK;
}
