/* RSA-OAEP as the backend uses it (hsm/use_oaep.c), against published and made verdicts: Wycheproof's vectors for SHA-256 in NSS's module, which has that, and those of
 * tests/vectors/make_oaep.py for SHA-1 in SoftHSM, which has nothing else. The padding is the module's work; what this shows is that the parameters that Coffer sends name the right
 * hashes and an empty label, and that nothing but 32 bytes that the module took is taken. */
#include "unit/crypto/support.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "unit/hsm/fixture.h"
#include "hsm/mech.h"
#include "hsm/use.h"

#define MODULUS 256u
#define NSS "libsoftokn3.so"

/* What the module itself said to the last C_Decrypt. */
static struct {
	CK_RV (*real)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
	bool asked;
	CK_RV rv;
	uint8_t bytes[MODULUS];
	CK_ULONG len;
} said;

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out, CK_ULONG_PTR out_len)
{
	said.asked = true;
	said.rv = said.real(session, in, in_len, out, out_len);
	said.len = said.rv == CKR_OK ? *out_len : 0;
	assert_true(said.len <= sizeof said.bytes);
	memcpy(said.bytes, out, said.len);
	return said.rv;
}

/* A session whose C_Decrypt is looked at. */
static void listen_to(struct hsm_session *s, CK_FUNCTION_LIST *copy)
{
	*copy = *s->fn;
	said.real = copy->C_Decrypt;
	copy->C_Decrypt = decrypt;
	s->fn = copy;
}

static CK_OBJECT_HANDLE import_key(const struct hsm_session *s, const json_t *group)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *name;
	} parts[] = {
		{ CKA_MODULUS, "modulus" }, { CKA_PUBLIC_EXPONENT, "publicExponent" }, { CKA_PRIVATE_EXPONENT, "privateExponent" }, { CKA_PRIME_1, "prime1" },
		{ CKA_PRIME_2, "prime2" }, { CKA_EXPONENT_1, "exponent1" }, { CKA_EXPONENT_2, "exponent2" }, { CKA_COEFFICIENT, "coefficient" },
	};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_ATTRIBUTE a[20] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type }, { CKA_TOKEN, &no, sizeof no }, { CKA_DECRYPT, &yes, sizeof yes },
		{ CKA_PRIVATE, &no, sizeof no }, { CKA_SENSITIVE, &no, sizeof no }, { CKA_ID, "wycheproof", 10 } };
	CK_ULONG n = 7;
	struct buf bytes[8] = { BUF_EMPTY };
	for (size_t i = 0; i < 8; i++) {
		struct view v = support_field(&bytes[i], json_object_get(group, "privateKey"), parts[i].name);
		while (v.len > 1 && v.ptr[0] == 0) v = view_of(v.ptr + 1, v.len - 1);
		a[n++] = (CK_ATTRIBUTE){ parts[i].type, (void *)(uintptr_t)v.ptr, v.len };
	}
	assert_int_equal(s->fn->C_CreateObject(s->handle, a, n, &key), CKR_OK);
	for (size_t i = 0; i < 8; i++) buf_free(&bytes[i]);
	return key;
}

struct count {
	unsigned taken, other_length, labelled, invalid;
};

/* One vector through the backend's own function, and what the module said to it. */
static void check(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key, const json_t *test, struct count *c)
{
	AUTO_BUF struct buf msg = BUF_EMPTY, ct = BUF_EMPTY, label = BUF_EMPTY;
	AUTO_SECRET struct secret *plain = NULL;
	struct reason why = { "" };
	struct view m = support_field(&msg, test, "msg"), l = support_field(&label, test, "label");
	unsigned id = support_number(test, "tcId");
	bool valid = strcmp(support_text(test, "result"), "valid") == 0;
	memset(&said.asked, 0, sizeof said - offsetof(__typeof__(said), asked));
	enum coffer_err err = mech->method->unwrap(s, mech, key, support_field(&ct, test, "ct"), &plain, &why);
	bool opened = said.asked && said.rv == CKR_OK;
	if (err == ERR_OK) assert_true(plain && opened && view_equal(secret_view(plain), m));
	else assert_true(!plain && why.text[0]);
	if (!valid || l.len) { /* under a label, which Coffer never sets, it is another message */
		if (opened || err == ERR_OK) fail_msg("test %u: invalid and taken", id);
		*(valid ? &c->labelled : &c->invalid) += 1;
		return;
	}
	if (!opened || !view_equal(view_of(said.bytes, said.len), m)) fail_msg("test %u: valid and refused by the module: 0x%lx %s", id, said.rv, why.text);
	if ((err == ERR_OK) != (m.len == TOKEN_SECRET_LEN)) fail_msg("test %u: %zu bytes: %s", id, m.len, err_name(err));
	*(err == ERR_OK ? &c->taken : &c->other_length) += 1;
}

static void run_file(struct hsm_session *s, const char *name, const char *file)
{
	struct count c = { 0, 0, 0, 0 };
	CK_FUNCTION_LIST copy;
	struct hsm_key key = { .public_key = CK_INVALID_HANDLE, .type = CKK_RSA };
	const struct hsm_mech *mech = hsm_mech_by_name(name);
	const json_t *group, *test;
	size_t i, j;
	json_t *root = support_load(file);
	assert_non_null(mech);
	listen_to(s, &copy);
	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		key.handle = import_key(s, group);
		json_array_foreach(json_object_get(group, "tests"), j, test) check(s, mech, &key, test, &c);
	}
	assert_int_equal(c.taken + c.other_length + c.labelled + c.invalid, support_number(root, "numberOfTests"));
	assert_true(c.taken > 0 && c.invalid > 0);
	print_message("%s, %s: %u valid taken, %u of another length than a data key refused, %u with a label refused, %u invalid refused\n", file, name, c.taken,
		c.other_length, c.labelled, c.invalid);
	json_decref(root);
}

static void sha1_in_softhsm_gives_the_verdicts(void **state)
{
	struct hsm_raw raw;
	CK_FUNCTION_LIST *fn;
	hsm_fixture_raw_open(*state, &raw);
	fn = raw.session.fn;
	run_file(&raw.session, "CKM_RSA_PKCS_OAEP SHA-1", "rsa-oaep-sha1.json");
	raw.session.fn = fn;
	hsm_fixture_raw_close(&raw);
}

/* NSS wants its parameters in a field of its own, which no other module has; so it is not loaded as a node would. */
struct nss_args {
	CK_CREATEMUTEX create;
	CK_DESTROYMUTEX destroy;
	CK_LOCKMUTEX lock;
	CK_UNLOCKMUTEX unlock;
	CK_FLAGS flags;
	const char *parameters;
	void *reserved_pointer;
};

static void sha256_in_nss_gives_the_published_verdicts(void **state)
{
	struct nss_args args = { .flags = CKF_OS_LOCKING_OK, .parameters = "configdir='' certPrefix='' keyPrefix='' secmod='' flags=readOnly,noCertDB,noModDB,forceOpen" };
	struct hsm_session s = { .slot = 1, .handle = CK_INVALID_HANDLE };
	CK_FUNCTION_LIST *fn;
	CK_C_GetFunctionList get;
	void *module = dlopen(NSS, RTLD_NOW | RTLD_LOCAL);
	(void)state;
	if (!module) {
		print_message("SKIPPED: %s\n", dlerror());
		skip();
	}
	void *symbol = dlsym(module, "C_GetFunctionList");
	assert_non_null(symbol);
	memcpy(&get, &symbol, sizeof get);
	assert_int_equal(get(&fn), CKR_OK);
	assert_int_equal(fn->C_Initialize(&args), CKR_OK);
	s.fn = fn;
	assert_int_equal(fn->C_OpenSession(s.slot, CKF_SERIAL_SESSION, NULL, NULL, &s.handle), CKR_OK);
	run_file(&s, "CKM_RSA_PKCS_OAEP SHA-256", "wycheproof/rsa_oaep_2048_sha256_mgf1sha256_test.json");
	assert_int_equal(fn->C_Finalize(NULL), CKR_OK);
	(void)dlclose(module);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sha1_in_softhsm_gives_the_verdicts, hsm_fixture_setup, hsm_fixture_teardown),
		cmocka_unit_test(sha256_in_nss_gives_the_published_verdicts),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
