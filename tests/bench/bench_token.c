/* C_Encrypt of a PKCS#11 module by itself, a new token in an empty folder: prints "ready", then for each line "BYTES MILLISECONDS" of its input a line of
 * JSON, until the input ends. AES-GCM where the module has it, else AES-CBC with padding; one thread.
 *
 *   bench_token MODULE NAME [PROGRAM]      (the module finds its folder through its own variables)
 *
 * A module that makes no keys (tpm2-pkcs11) has PROGRAM make one in the token "bench" with the user PIN 1234. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "common.h"

#define SLOTS_MAX 16u
#define TEXT_MAX 65536u

static CK_FUNCTION_LIST_PTR p11;
static const char label[32] = "bench                           "; /* blanks to its full width */

static void rv_must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK) bench_die("%s: PKCS#11 error 0x%lx", what, (unsigned long)rv);
}

static void load_module(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib) bench_die("the module %s cannot be loaded: %s", path, dlerror());
	CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
	void *symbol = dlsym(lib, "C_GetFunctionList");
	memcpy(&get_list, &symbol, sizeof get_list);
	bench_must(get_list != NULL, "finding C_GetFunctionList");
	rv_must(get_list(&p11), "C_GetFunctionList");
	rv_must(p11->C_Initialize(NULL), "C_Initialize");
}

static CK_ULONG slots(CK_SLOT_ID *out)
{
	CK_ULONG count = SLOTS_MAX;
	rv_must(p11->C_GetSlotList(CK_TRUE, out, &count), "C_GetSlotList");
	bench_must(count > 0, "finding a slot");
	return count;
}

static CK_UTF8CHAR so_pin[] = "12345678", pin[] = "1234";

/* A module may give a new token another number. */
static CK_SLOT_ID find_token(void)
{
	CK_SLOT_ID list[SLOTS_MAX];
	CK_TOKEN_INFO info;
	CK_ULONG count = slots(list);
	for (CK_ULONG i = 0; i < count; i++)
		if (p11->C_GetTokenInfo(list[i], &info) == CKR_OK && memcmp(info.label, label, sizeof label) == 0) return list[i];
	bench_die("the new token is not there");
}

static void make_token(void)
{
	CK_SLOT_ID list[SLOTS_MAX];
	CK_UTF8CHAR name[32];
	CK_SESSION_HANDLE s;
	memcpy(name, label, sizeof name);
	slots(list);
	rv_must(p11->C_InitToken(list[0], so_pin, sizeof so_pin - 1, name), "C_InitToken");
	rv_must(p11->C_OpenSession(find_token(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s), "C_OpenSession");
	rv_must(p11->C_Login(s, CKU_SO, so_pin, sizeof so_pin - 1), "C_Login as SO");
	rv_must(p11->C_InitPIN(s, pin, sizeof pin - 1), "C_InitPIN");
	rv_must(p11->C_CloseSession(s), "C_CloseSession");
}

static CK_SESSION_HANDLE log_in(void)
{
	CK_SESSION_HANDLE s;
	rv_must(p11->C_OpenSession(find_token(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s), "C_OpenSession");
	rv_must(p11->C_Login(s, CKU_USER, pin, sizeof pin - 1), "C_Login");
	return s;
}

static CK_OBJECT_HANDLE make_key(CK_SESSION_HANDLE s)
{
	CK_ULONG len = 32;
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_HANDLE key;
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE attributes[] = { { CKA_VALUE_LEN, &len, sizeof len }, { CKA_TOKEN, &yes, sizeof yes }, { CKA_ENCRYPT, &yes, sizeof yes },
		{ CKA_DECRYPT, &yes, sizeof yes }, { CKA_PRIVATE, &yes, sizeof yes } };
	rv_must(p11->C_GenerateKey(s, &mechanism, attributes, sizeof attributes / sizeof attributes[0], &key), "C_GenerateKey");
	return key;
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE s)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE want = { CKA_CLASS, &class, sizeof class };
	CK_OBJECT_HANDLE key;
	CK_ULONG count = 0;
	rv_must(p11->C_FindObjectsInit(s, &want, 1), "C_FindObjectsInit");
	rv_must(p11->C_FindObjects(s, &key, 1, &count), "C_FindObjects");
	rv_must(p11->C_FindObjectsFinal(s), "C_FindObjectsFinal");
	bench_must(count == 1, "finding the key");
	return key;
}

/* The program works on the token while the module lets go of it. */
static void run_program(const char *program)
{
	rv_must(p11->C_Finalize(NULL), "C_Finalize");
	if (system(program) != 0) bench_die("%s failed", program);
	rv_must(p11->C_Initialize(NULL), "C_Initialize");
}

static bool has(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism)
{
	CK_MECHANISM_INFO info;
	return p11->C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK && (info.flags & CKF_ENCRYPT);
}

static void encrypt_once(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, bool gcm, uint8_t *text, CK_ULONG size, uint8_t *out)
{
	static CK_BYTE iv[16];
	CK_GCM_PARAMS params = { .pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
	CK_MECHANISM mechanism = gcm ? (CK_MECHANISM){ CKM_AES_GCM, &params, sizeof params } : (CK_MECHANISM){ CKM_AES_CBC_PAD, iv, sizeof iv };
	CK_ULONG out_len = TEXT_MAX + 64;
	for (int i = 0; i < 8 && ++iv[i] == 0; i++) continue;
	rv_must(p11->C_EncryptInit(s, &mechanism, key), "C_EncryptInit");
	rv_must(p11->C_Encrypt(s, text, size, out, &out_len), "C_Encrypt");
}

int main(int argc, char **argv)
{
	static uint8_t text[TEXT_MAX], out[TEXT_MAX + 64];
	char line[128];
	if (argc < 3 || argc > 4) bench_die("usage: bench_token MODULE NAME [PROGRAM]");
	load_module(argv[1]);
	make_token();
	if (argc == 4) run_program(argv[3]);
	CK_SESSION_HANDLE session = log_in();
	CK_OBJECT_HANDLE key = argc == 4 ? find_key(session) : make_key(session);
	bool gcm = has(find_token(), CKM_AES_GCM);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		unsigned size, ms;
		if (sscanf(line, "%u %u", &size, &ms) != 2 || size > TEXT_MAX) bench_die("'%s' is not BYTES MILLISECONDS", line);
		encrypt_once(session, key, gcm, text, size, out);
		uint64_t ops = 0, begun = bench_now_ns(), now = begun;
		for (; now - begun < (uint64_t)ms * 1000000u; now = bench_now_ns(), ops++) encrypt_once(session, key, gcm, text, size, out);
		printf("{\"part\":\"c\",\"what\":\"%s\",\"cipher\":\"%s\",\"size\":%u,\"rate\":%.1f}\n", argv[2], gcm ? "AES-GCM" : "AES-CBC", size,
			(double)ops * 1e9 / (double)(now - begun));
		fflush(stdout);
	}
	p11->C_Finalize(NULL);
	return 0;
}
