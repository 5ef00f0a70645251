/* Which engine serves: asked for, able, and proven. */
#include "crypto/aead_choose.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/aead_internal.h"
#include "crypto/aead_prove.h"

static struct aead_chosen chosen = { .name = "openssl" };

/* The engine with a fault that known answers of other lengths do not show: what the proof is there for. */
static enum coffer_err seal_broken(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view pt, uint8_t *out_ct, uint8_t *out_tag)
{
	TRY(aead_ipsec_mb.seal(k, new_key, nonce, aad, aad_count, pt, out_ct, out_tag));
	if (pt.len == 257) out_ct[256] ^= 1;
	return ERR_OK;
}

static const struct aead_engine *candidate(void)
{
	static struct aead_engine broken;
	if (getenv("COFFER_TEST_BROKEN_AEAD") == NULL) return &aead_ipsec_mb;
	broken = aead_ipsec_mb;
	broken.seal = seal_broken;
	return &broken;
}

static void take(const struct aead_engine *engine)
{
	aead_engine_use(engine);
	chosen.name = engine->name;
}

static enum coffer_err choose_asked(const struct aead_engine *engine, struct reason *reason)
{
	struct reason why = { "" };
	if (engine->missing() != NULL)
		return reason_fail(reason, ERR_CRYPTO, "aead_engine is ipsec-mb, but %s: set it to auto or openssl", engine->missing());
	if (aead_prove(engine, &why) != ERR_OK)
		return reason_fail(reason, ERR_CRYPTO, "aead_engine is ipsec-mb, but its self-test failed (%.200s): set it to openssl, and check the "
			"memory and the library libIPSec_MB", why.text);
	take(engine);
	return ERR_OK;
}

static void choose_freely(const struct aead_engine *engine)
{
	struct reason why = { "" };
	const char *slow = engine->slow();
	if (slow != NULL) {
		(void)reason_fail(&why, ERR_OK, "not ipsec-mb: %s", slow);
	} else if (aead_prove(engine, &why) != ERR_OK) {
		struct reason what = why;
		chosen.distrusted = true;
		(void)reason_fail(&why, ERR_OK, "not ipsec-mb: its self-test failed (%.200s); check the memory and the library libIPSec_MB", what.text);
	} else {
		take(engine);
		return;
	}
	memcpy(chosen.note, why.text, sizeof chosen.note);
}

enum coffer_err aead_choose_from(const struct aead_engine *engine, enum aead_choice wanted, struct reason *reason)
{
	chosen = (struct aead_chosen){ .distrusted = false };
	take(&aead_openssl);
	if (wanted == AEAD_CHOICE_IPSEC_MB) return choose_asked(engine, reason);
	if (wanted == AEAD_CHOICE_AUTO) choose_freely(engine);
	return ERR_OK;
}

enum coffer_err aead_choose(enum aead_choice wanted, struct reason *reason)
{
	return aead_choose_from(candidate(), wanted, reason);
}

const struct aead_chosen *aead_chosen(void)
{
	return &chosen;
}
