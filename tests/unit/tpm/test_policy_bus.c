/* Nothing of a PIN or a data key is seen on the bus while policies are made, used and changed; every command of theirs that fails leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "crypto/kdf.h"
#include "tpm/binding.h"
#include "unit/tpm/machine.h"
#include "unit/tpm/plain.h"

#define PIN "bus-sniffer-pin-0815"
#define NEW_PIN "another-pin-of-a-machine"

/* The authorization value that a PIN becomes (docs/formats.md section 18.1). */
static size_t seen_of_pin(struct machine *m, const char *pin)
{
	struct tpm_key key;
	struct tpm_facts facts;
	uint8_t auth[32];
	assert_int_equal(tpm_binding_decode(&m->binding, &key, &facts, NULL), ERR_OK);
	assert_int_equal(kdf_hkdf(KDF_SHA256, view_str(pin), view_of(key.primary_name.name, key.primary_name.size), view_str("coffer v1 tpm-pin"), auth,
		sizeof auth), ERR_OK);
	return proxy_windows_of(m->proxy, view_str(pin)) + proxy_windows_of(m->proxy, view_of(auth, sizeof auth - 1));
}

/* Provisions, opens, changes the PIN, opens: what of the key, and of both PINs, stands on the bus. */
static void listen_in(struct machine *m, size_t *out_key, size_t *out_pins)
{
	char parameters[TEXT], both[2 * TEXT], path[TEXT];
	struct token_policy_made made;
	AUTO_SECRET struct secret *pin = secret_copy(NEW_PIN, sizeof NEW_PIN - 1);
	(void)snprintf(both, sizeof both, "pcrs=sha256:0,7&%s", with_pin(m, "pin", PIN, parameters));
	bind_to(m, both);
	opens(m);
	struct token *t = help_attach(m->uri, &m->binding);
	assert_int_equal(token_policy_backend.make(t, "pcrs=sha256:7", pin, &made, NULL), ERR_OK);
	buf_clear(&m->blob);
	assert_int_equal(token_policy_backend.wrap(t, &made.binding, m->key, &m->blob, NULL), ERR_OK);
	assert_int_equal(token_policy_backend.adopt(t, &made, NULL), ERR_OK);
	help_unwraps_to(t, buf_view(&m->blob), m->key);
	token_backend.close(t);
	m->binding = made.binding;
	put_file(m, "pin", NEW_PIN, sizeof NEW_PIN - 1, path);
	opens(m);
	assert_true(proxy_seen(m->proxy, TPM2_CC_PolicySecret) >= 4);
	assert_true(proxy_log_len(m->proxy) > 4000);
	*out_key = proxy_windows_of(m->proxy, secret_view(m->key));
	*out_pins = seen_of_pin(m, PIN) + seen_of_pin(m, NEW_PIN);
}

static void neither_key_nor_pin_crosses_the_bus_in_clear(void **state)
{
	size_t key, pins;
	listen_in(*state, &key, &pins);
	assert_int_equal(key, 0);
	assert_int_equal(pins, 0);
}

static void the_same_with_plain_sessions_is_seen(void **state)
{
	size_t key, pins;
	plain_sessions = true;
	listen_in(*state, &key, &pins);
	plain_sessions = false;
	assert_true(key > 0);
	assert_true(pins > 0);
}

/* Each command of an opening under PCRs and PIN fails in turn. */
static void every_command_of_an_opening_may_fail(void **state)
{
	static const uint32_t codes[] = { 0x101 /* FAILURE */, 0x922 /* RETRY, once */, 0x902 /* no memory, once */, 0x921 /* LOCKOUT */, 0x143 };
	struct machine *m = *state;
	char parameters[TEXT], both[2 * TEXT];
	(void)snprintf(both, sizeof both, "pcrs=sha256:7&%s", with_pin(m, "pin", PIN, parameters));
	bind_to(m, both);
	proxy_quiet(m->proxy);
	proxy_clear(m->proxy);
	struct token *t = help_attach(m->uri, &m->binding);
	size_t before = proxy_commands(m->proxy, NULL, 0);
	help_unwraps_to(t, buf_view(&m->blob), m->key);
	size_t count = proxy_commands(m->proxy, NULL, 0) - before;
	token_backend.close(t);
	assert_true(count > 10);
	for (size_t nth = 1; nth <= count; nth++) {
		for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
			AUTO_SECRET struct secret *back = NULL;
			proxy_clear(m->proxy);
			t = help_attach(m->uri, &m->binding);
			proxy_answer_nth(m->proxy, PROXY_ANY, (unsigned)nth, codes[i], 1);
			enum coffer_err err = token_backend.unwrap(t, buf_view(&m->blob), &back, NULL);
			if (err == ERR_OK) assert_true(secret_equal(back, m->key));
			else assert_null(back);
			if (codes[i] == 0x922 && err != ERR_OK) fail_msg("command %zu: busy once, and not waited for: %s", nth, err_name(err));
			token_backend.close(t);
		}
	}
	proxy_clear(m->proxy);
	opens(m);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(neither_key_nor_pin_crosses_the_bus_in_clear, new_machine, free_machine),
		cmocka_unit_test_setup_teardown(the_same_with_plain_sessions_is_seen, new_machine, free_machine),
		cmocka_unit_test_setup_teardown(every_command_of_an_opening_may_fail, new_machine, free_machine),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
