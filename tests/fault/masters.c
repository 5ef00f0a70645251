/* The tokens' side. */
#include "fault/masters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/counter.h"
#include "fault/fault.h"

struct masters masters;

struct yard *masters_open(void)
{
	masters = (struct masters){ .count = 0 };
	counter_chip = (struct counter_chip){ .there = false };
	struct yard *y = calloc(1, sizeof *y);
	MUST(y);
	founding_open_empty(y);
	y->token.on_call = NULL;
	y->token.on_request = masters_serve;
	founding_init(y);
	return y;
}

unsigned masters_standing(void)
{
	unsigned count = 0;
	for (unsigned i = 1; i <= masters.count; i++) count += masters.all[i].stands && !masters.all[i].denied;
	return count;
}

static unsigned find_at(const char *uri)
{
	for (unsigned i = 1; i <= masters.count; i++)
		if (masters.all[i].stands && strcmp(masters.all[i].uri, uri) == 0) return i;
	return 0;
}

static void provision(unsigned helper, struct channel_reply *r)
{
	unsigned m = find_at(masters.uri[helper]);
	if (m) masters.all[m].adopted = true;
	else {
		MUST(masters.count < MASTERS_MAX);
		m = ++masters.count;
		masters.all[m].stands = true;
		memcpy(masters.all[m].uri, masters.uri[helper], MASTERS_URI_MAX);
	}
	masters.at[helper] = m;
	r->binding = (struct token_binding){ .mechanism = "fake-xor", .data = { (uint8_t)m, masters.all[m].adopted }, .data_len = 2 };
	memset(r->binding.master_secret_id, (int)m, sizeof r->binding.master_secret_id);
}

static void attach(unsigned helper, const struct channel_request *q, struct channel_reply *r)
{
	unsigned m = find_at(masters.uri[helper]);
	masters.at[helper] = 0;
	if (!m) r->err = ERR_TOKEN_KEY_MISSING;
	else if (q->binding.data[0] != m) r->err = ERR_TOKEN_OTHER;
	else masters.at[helper] = m;
}

static void describe(unsigned helper, struct channel_reply *r)
{
	unsigned m = masters.at[helper];
	snprintf(r->info.kind, sizeof r->info.kind, "%s", strncmp(masters.uri[helper], "tpm2:", 5) == 0 ? "tpm2" : "pkcs11");
	snprintf(r->info.model, sizeof r->info.model, "Model");
	snprintf(r->info.serial, sizeof r->info.serial, "1");
	snprintf(r->info.master_secret, sizeof r->info.master_secret, "master secret %u", m);
	snprintf(r->info.mechanism, sizeof r->info.mechanism, "fake-xor");
	r->info.made_here = !masters.all[m].adopted;
}

static void put(struct buf *out, uint8_t byte)
{
	MUST_OK(buf_append(out, view_of(&byte, 1)));
}

static void wrap(unsigned m, const struct channel_request *q, struct buf *bytes)
{
	put(bytes, (uint8_t)m);
	for (size_t i = 0; i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)m);
}

static void unwrap(unsigned m, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	if (q->bytes.len != 33 || q->bytes.ptr[0] != m) r->err = ERR_CORRUPT;
	for (size_t i = 1; !r->err && i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)m);
}

static void erase(unsigned helper, struct channel_reply *r)
{
	unsigned m = masters.at[helper];
	MUST(m && !masters.all[m].adopted);
	if (!masters.all[m].stands) r->err = ERR_TOKEN_KEY_MISSING;
	else if (masters.keeps) r->err = ERR_TOKEN_REFUSED;
	else masters.all[m].stands = false;
}

static void strike(unsigned helper, const struct channel_request *q, struct channel_reply *r)
{
	r->err = (enum coffer_err)fault_code();
	unsigned m = find_at(q->op == CHANNEL_OPEN ? q->uri : masters.uri[helper]);
	if (r->err == ERR_TOKEN_KEY_MISSING && m) masters.all[m].denied = true;
}

void masters_serve(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	static unsigned turns;
	bool fails = fault_strikes(FAULT_AT_TOKEN);
	if (fails) strike(helper, q, r);
	bool refused = (q->op == CHANNEL_PROVISION || q->op == CHANNEL_ERASE) && r->err == ERR_TOKEN_REFUSED;
	if (fails && (++turns % 2 || refused)) return;
	struct channel_reply done = { .sequence = q->sequence };
	unsigned m = masters.at[helper];
	switch (q->op) {
	case CHANNEL_OPEN:
		MUST(strlen(q->uri) < MASTERS_URI_MAX);
		memcpy(masters.uri[helper], q->uri, MASTERS_URI_MAX);
		break;
	case CHANNEL_PROVISION: provision(helper, &done); break;
	case CHANNEL_ATTACH: attach(helper, q, &done); break;
	case CHANNEL_DESCRIBE: describe(helper, &done); break;
	case CHANNEL_WRAP: wrap(m, q, bytes); break;
	case CHANNEL_UNWRAP: unwrap(m, q, &done, bytes); break;
	case CHANNEL_RANDOM: for (uint32_t i = 0; i < q->random_len; i++) put(bytes, (uint8_t)i); break;
	case CHANNEL_ERASE: erase(helper, &done); break;
	case CHANNEL_SIGNER: if (q->signer.drop) masters.signer = false; break;
	case CHANNEL_PROBE: if (m && !masters.all[m].stands) done.err = ERR_TOKEN_KEY_MISSING; break;
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
	case CHANNEL_COUNTER_DROP: done.err = counter_answers(q->op, &q->counter, &done.counter); break;
	default: break;
	}
	if (!fails) *r = done;
	else buf_clear(bytes);
}

