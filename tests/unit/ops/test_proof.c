/* A token that gives back another data key than it was given: found before anything depends on it, in each operation that wraps a data key anew, and before the earlier master secret is destroyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "keyring/ring.h"
#include "ops/rotation.h"
#include "ops/rotation_master.h"
#include "ops/store_check.h"
#include "unit/ops/founded.h"
#include "unit/ops/vendor.h"

#define MASTERS 16u

/* Master secrets by their number; what one wraps the others do not open. */
static struct {
	unsigned made, at[FAKE_HELPERS_MAX], erased[MASTERS];
	unsigned honest; /* so many times more the newest one gives back what it was given */
	unsigned lied;
} tokens;

static void put(struct buf *out, uint8_t byte)
{
	assert_int_equal(buf_append(out, view_of(&byte, 1)), ERR_OK);
}

static void unwrap(unsigned m, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	bool lies = false;
	if (q->bytes.len != 33 || q->bytes.ptr[0] != m) {
		r->err = ERR_CORRUPT;
		return;
	}
	if (m == tokens.made && m > 1) lies = tokens.honest == 0;
	if (m == tokens.made && m > 1 && tokens.honest) tokens.honest--;
	tokens.lied += lies;
	for (size_t i = 1; i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)(m + lies));
}

static void on_request(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	unsigned *at = &tokens.at[helper];
	switch (q->op) {
	case CHANNEL_PROVISION:
		assert_true(tokens.made + 1 < MASTERS);
		*at = ++tokens.made;
		r->binding = (struct token_binding){ .mechanism = "fake-xor", .data = { (uint8_t)*at }, .data_len = 1 };
		memset(r->binding.master_secret_id, (int)*at, sizeof r->binding.master_secret_id);
		break;
	case CHANNEL_ATTACH: *at = q->binding.data[0]; break;
	case CHANNEL_DESCRIBE:
		(void)snprintf(r->info.kind, sizeof r->info.kind, "tpm2");
		(void)snprintf(r->info.mechanism, sizeof r->info.mechanism, "fake-xor");
		(void)snprintf(r->info.master_secret, sizeof r->info.master_secret, "master secret %u", *at);
		r->info.made_here = true;
		break;
	case CHANNEL_WRAP:
		put(bytes, (uint8_t)*at);
		for (size_t i = 0; i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)*at);
		break;
	case CHANNEL_UNWRAP: unwrap(*at, q, r, bytes); break;
	case CHANNEL_ERASE: tokens.erased[*at]++; break;
	case CHANNEL_RANDOM: for (uint32_t i = 0; i < q->random_len; i++) put(bytes, (uint8_t)i); break;
	case CHANNEL_COUNTER_MAKE: case CHANNEL_COUNTER_READ: case CHANNEL_COUNTER_RAISE: r->err = ERR_UNSUPPORTED; break;
	default: break;
	}
}

static struct founded *begin(void)
{
	founded_reset();
	struct founded *n = founded_new();
	memset(&tokens, 0, sizeof tokens);
	tokens.honest = UINT32_MAX;
	n->token.on_request = on_request;
	founded_init(n);
	assert_int_equal(tokens.made, 1);
	n->fix.engine.rotation = rotation_new();
	assert_non_null(n->fix.engine.rotation);
	return n;
}

static void end(struct founded *n)
{
	identity_withdraw(n->dir);
	rotation_free(TAKE(n->fix.engine.rotation));
	founded_free(n);
}

/* Wherever it begins to lie, the earlier master secret, which opens all, stands. */
static void an_earlier_master_secret_outlives_a_new_one_that_is_not_proven(void **state)
{
	const struct master_wish wish = { .principal = "root" };
	bool destroyed = false;
	unsigned refused = 0, kept = 0;
	(void)state;
	for (unsigned honest = 0; honest < 8 && !destroyed; honest++) {
		struct founded *n = begin();
		struct master_change out;
		struct reason why = { "" };
		tokens.honest = honest;
		enum coffer_err err = rotation_master(&n->fix.engine, &wish, &out, &why);
		destroyed = tokens.lied == 0;
		assert_int_equal(tokens.erased[1], destroyed ? 1 : 0);
		if (destroyed) {
			assert_int_equal(err, ERR_OK);
			assert_int_equal(out.old, MASTER_OLD_DESTROYED);
		} else if (err) { /* not in force */
			assert_int_equal(err, ERR_TOKEN);
			assert_non_null(strstr(why.text, "gives back another data key"));
			assert_int_equal(n->fix.engine.identity.binding.data[0], 1);
			refused++;
		} else { /* in force, and proved once more in vain */
			assert_int_equal(out.old, MASTER_OLD_STANDS);
			assert_non_null(strstr(out.old_sentence, "gives back another data key"));
			kept++;
		}
		end(n);
	}
	assert_true(destroyed && refused && kept);
}

static enum coffer_err look(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)reason;
	*(uint32_t *)arg = ring_newest(txn_ring(txn));
	return ERR_OK;
}

static uint32_t newest(struct founded *n)
{
	uint32_t generation = 0;
	assert_int_equal(n->fix.engine.on_store(&n->fix.engine, look, &generation, NULL), ERR_OK);
	return generation;
}

static void a_data_key_that_does_not_come_back_is_not_put_in_force(void **state)
{
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	struct reason why = { "" };
	uint32_t generation = 0;
	founded_init(n);
	n->fix.engine.rotation = rotation_new();
	n->fix.engine.check = store_check_new();
	n->token.other_key_comes_back = true;
	if (rotation_run(&n->fix.engine, "root", &generation, &why) != ERR_TOKEN) fail_msg("%s", why.text);
	assert_non_null(strstr(why.text, "unwraps another key than it wrapped"));
	assert_int_equal(newest(n), 1);
	n->token.other_key_comes_back = false;
	assert_int_equal(rotation_run(&n->fix.engine, "root", &generation, &why), ERR_OK);
	assert_int_equal(generation, 2);
	store_check_free(TAKE(n->fix.engine.check));
	end(n);
}

static void a_token_that_gives_back_another_key_takes_no_archive(void **state)
{
	struct bytes archive = BYTES_EMPTY;
	struct reason why = { "" };
	(void)state;
	founded_reset();
	struct founded *of = founded_new();
	founded_init(of);
	founded_backup(of, &archive);
	struct founded *to = founded_new();
	to->token.other_key_comes_back = true;
	assert_int_equal(founded_restore(to, &archive, of, &why), ERR_TOKEN);
	assert_non_null(strstr(why.text, "another one comes back"));
	assert_int_equal(to->fix.engine.state, ENGINE_UNINITIALISED);
	founded_free(to);
	to = founded_new();
	assert_int_equal(founded_restore(to, &archive, of, &why), ERR_OK);
	founded_free(to);
	founded_free(of);
	bytes_free(&archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_earlier_master_secret_outlives_a_new_one_that_is_not_proven),
		cmocka_unit_test(a_data_key_that_does_not_come_back_is_not_put_in_force),
		cmocka_unit_test(a_token_that_gives_back_another_key_takes_no_archive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
