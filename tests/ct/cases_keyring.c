/* keyring/: the data key from the token into the ring, and sealed records under it. */
#include "ct/ct.h"
#include "keyring/record.h"
#include "keyring/slot.h"
#include "unit/keyring/fixture.h"

static struct ring *hidden_ring(void)
{
	struct ring *ring = fixture_ring(1);
	const struct secret *key = NULL;
	if (ring_data_key(ring, 1, &key) == ERR_OK) ct_hide((void *)(uintptr_t)secret_bytes(key), secret_len(key));
	return ring;
}

DEFINE_AUTO(struct ring, ring_free)

/* Key check, generation signature, MAC of the row; then once more with the row's MAC and the key check of another key. */
static enum coffer_err slot_accepts(void)
{
	AUTO(auto_ring_free) struct ring *made_in = fixture_ring(1);
	AUTO(auto_ring_free) struct ring *ring = fixture_ring(0);
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct token_binding binding;
	uint8_t blob[16], signature[ANSWER_MAX];
	struct store_row row;
	struct slot slot;
	struct reason why = { "" };
	fixture_binding(&binding);
	rising(0xd0, blob, sizeof blob);
	answer("generation-signature", signature);
	TRY(slot_make(made_in, 1, "tpm2", &binding, view_of(blob, sizeof blob), signature, 1700000000000u, &row, &header, &body));
	TRY(slot_parse(&row, &slot, &why));
	AUTO_SECRET struct secret *wrong = ct_secret(0x21, DATA_KEY_LEN);
	ENSURE(slot_accept(ring, &row, &slot, &wrong, &why) == ERR_CORRUPT, ERR_STATE);
	AUTO_SECRET struct secret *key = ct_secret(0x20, DATA_KEY_LEN);
	return slot_accept(ring, &row, &slot, &key, &why);
}

static enum coffer_err records(void)
{
	AUTO(auto_ring_free) struct ring *ring = hidden_ring();
	AUTO_SECRET struct secret *text = ct_secret(7, 40);
	AUTO_BUF struct buf body = BUF_EMPTY;
	AUTO_BUF struct buf back = BUF_EMPTY;
	struct store_row row;
	fixture_object_row(&row);
	TRY(record_seal(ring, STORE_OBJECT, secret_view(text), &row, &body));
	ENSURE(ct_is_hidden(body.ptr, body.len), ERR_STATE);
	ct_show(body.ptr, body.len); /* goes to the disk */
	TRY(record_open(ring, STORE_OBJECT, &row, &back));
	return ct_take(back.ptr, back.len);
}

static enum coffer_err tokens(void)
{
	AUTO(auto_ring_free) struct ring *ring = hidden_ring();
	uint8_t token[STORE_TOKEN_LEN];
	TRY(record_token(ring, 1, STORE_OBJECT, 1, view_str("payroll-key"), token));
	return ct_take(token, sizeof token);
}

static enum coffer_err subkeys(void)
{
	static const uint8_t id[UUID_LEN] = { 1 };
	AUTO_SECRET struct secret *key = ct_secret(0x60, 32);
	AUTO_SECRET struct secret *subkey = NULL;
	TRY(ring_managed_subkey(id, id, key, "seal-message", &subkey));
	return ct_take(secret_mut(subkey), secret_len(subkey));
}

const struct ct_case ct_keyring[] = {
	{ "slot_accept: key check, row MAC", CT_CLEAN, slot_accepts },
	{ "record_seal, record_open", CT_CLEAN, records },
	{ "record_token", CT_CLEAN, tokens },
	{ "ring_managed_subkey", CT_CLEAN, subkeys },
	{ NULL, CT_CLEAN, NULL },
};
