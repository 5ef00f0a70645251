/* What a node does next about the lease, and what it believes. */
#include "domain/role.h"

#include <string.h>

#include "domain/role_internal.h"

/* Jitter is no secret. */
uint64_t role_jitter(struct domain_role *r, uint64_t below)
{
	r->dice ^= r->dice << 13;
	r->dice ^= r->dice >> 7;
	r->dice ^= r->dice << 17;
	return below ? r->dice % below : 0;
}

bool role_is_me(const struct domain_role *r, const struct lease *l)
{
	return memcmp(l->holder, r->config.node_id, UUID_LEN) == 0;
}

bool role_holds(const struct domain_role *r)
{
	return r->mine.version != 0 && r->mine.held && lease_is_same(&r->mine, &r->seen);
}

static bool is_halted(const struct domain_role *r)
{
	return r->twin || r->behind || r->lease_behind || r->removed;
}

void role_disbelieve(struct domain_role *r)
{
	if (r->master) r->said |= ROLE_SAY_LOST;
	r->master = false;
}

void role_init(struct domain_role *r, const struct role_config *config, uint64_t now_ms)
{
	*r = (struct domain_role){ .config = *config, .here = true, .least = config->epoch, .highest = config->epoch, .retry_ms = now_ms };
	if (r->config.lease_time_ms < ROLE_LEASE_TIME_MIN) r->config.lease_time_ms = ROLE_LEASE_TIME_MIN;
	if (r->config.lease_time_ms > ROLE_LEASE_TIME_MAX) r->config.lease_time_ms = ROLE_LEASE_TIME_MAX;
	r->dice = config->seed ^ UINT64_C(0x9e3779b97f4a7c15);
	if (!r->dice) r->dice = 1;
}

static void expire(struct domain_role *r, uint64_t now_ms)
{
	if (now_ms >= r->believe_until_ms) role_disbelieve(r);
	if (r->known && !r->gone && now_ms >= r->alive_until_ms) {
		r->gone = true;
		r->said |= ROLE_SAY_GONE;
	}
	if (r->promote_until_ms && now_ms >= r->promote_until_ms) {
		r->promote_until_ms = 0;
		r->said |= ROLE_SAY_NOT_PROMOTED;
	}
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When this node may try to take the lease that it sees. */
static uint64_t take_at(const struct domain_role *r)
{
	if (!r->config.may_take || r->highest == UINT64_MAX) return UINT64_MAX;
	if (r->promote_until_ms) return 0;
	uint64_t at = r->since_ms + r->jitter_ms;
	if (r->seen.version && r->seen.held) at = role_is_me(r, &r->seen) ? r->since_ms : at + r->seen.holds_ms; /* its own from before it was started anew: at once */
	return later(at, r->rest_until_ms);
}

static void set_write(const struct domain_role *r, enum role_do what, struct role_action *out)
{
	*out = (struct role_action){ .what = what, .expect = r->seen };
	out->next = r->seen;
	out->next.version = r->seen.version + 1;
	out->next.held = what != ROLE_FREE;
	out->next.holds_ms = ROLE_HOLDS(r);
	memcpy(out->next.holder, r->config.node_id, UUID_LEN);
	if (what == ROLE_TAKE) out->next.epoch = later(r->seen.epoch, r->highest) + 1;
}

static void set_wait(uint64_t at_ms, struct role_action *out)
{
	*out = (struct role_action){ .what = ROLE_WAIT, .at_ms = at_ms };
}

static void next_of_holder(const struct domain_role *r, uint64_t now_ms, struct role_action *out)
{
	if (r->stepping) set_write(r, ROLE_FREE, out);
	else if (!r->kept) *out = (struct role_action){ .what = ROLE_KEEP, .next = r->mine };
	else if (now_ms >= r->renew_ms) set_write(r, ROLE_RENEW, out);
	else set_wait(earlier(r->renew_ms, r->master ? r->believe_until_ms : UINT64_MAX), out);
}

static void next_of_others(const struct domain_role *r, uint64_t now_ms, struct role_action *out)
{
	uint64_t look_at = r->known ? r->looked_ms + ROLE_POLL(r) : 0, at = is_halted(r) || !r->known ? UINT64_MAX : take_at(r);
	if (now_ms >= at && now_ms - r->looked_ms <= ROLE_GAP(r)) set_write(r, ROLE_TAKE, out);
	else if (now_ms >= look_at || now_ms >= at) *out = (struct role_action){ .what = ROLE_LOOK };
	else set_wait(earlier(earlier(at, look_at), r->gone ? UINT64_MAX : later(r->alive_until_ms, now_ms + 1)), out);
}

void role_next(struct domain_role *r, uint64_t now_ms, struct role_action *out)
{
	expire(r, now_ms);
	uint64_t believe_until = r->master ? r->believe_until_ms : UINT64_MAX;
	if (r->doing != ROLE_WAIT) set_wait(believe_until, out);
	else if ((r->here || r->settling) && now_ms < r->retry_ms) set_wait(earlier(r->retry_ms, believe_until), out);
	else if (r->settling) *out = (struct role_action){ .what = ROLE_SETTLE };
	else if (!r->here) set_wait(believe_until, out);
	else if (r->twin && !r->noted) *out = (struct role_action){ .what = ROLE_NOTE_TWIN };
	else if (role_holds(r) && !is_halted(r)) next_of_holder(r, now_ms, out);
	else next_of_others(r, now_ms, out);
}

void role_begun(struct domain_role *r, uint64_t now_ms, const struct role_action *action)
{
	PRE(r->doing == ROLE_WAIT && action->what != ROLE_WAIT);
	r->doing = action->what;
	if (action->what != ROLE_TAKE && action->what != ROLE_RENEW && action->what != ROLE_FREE) return;
	r->begun_ms = now_ms;
	r->attempt = action->next;
}

void role_store(struct domain_role *r, uint64_t now_ms, bool here)
{
	r->here = here;
	if (here) r->retry_ms = now_ms;
}

void role_twinned(struct domain_role *r, uint64_t now_ms, bool noted)
{
	if (!r->twin) r->said |= ROLE_SAY_TWIN;
	r->twin = true;
	r->noted = r->noted || noted;
	r->retry_ms = now_ms;
	role_disbelieve(r);
}

void role_store_behind(struct domain_role *r, uint64_t now_ms)
{
	if (!r->behind && !r->lease_behind) r->said |= ROLE_SAY_BEHIND;
	r->behind = true;
	r->retry_ms = now_ms;
	role_disbelieve(r);
}

void role_store_well(struct domain_role *r, uint64_t now_ms)
{
	if (!r->behind && !r->lease_behind) return;
	r->behind = r->lease_behind = false;
	r->retry_ms = now_ms;
	r->known = false;
}

bool role_promote(struct domain_role *r, uint64_t now_ms)
{
	if (!r->config.may_take || is_halted(r)) return false;
	r->stepping = r->stepped = false;
	r->rest_until_ms = 0;
	if (role_holds(r)) r->renew_ms = now_ms;
	else r->promote_until_ms = now_ms + r->config.lease_time_ms;
	return true;
}

void role_step_down(struct domain_role *r, uint64_t now_ms)
{
	role_disbelieve(r);
	r->promote_until_ms = 0;
	r->stepped = true;
	r->stepping = role_holds(r) || r->doing == ROLE_TAKE || r->settling;
	r->rest_until_ms = now_ms + ROLE_STEPPED_LEASES * (uint64_t)r->config.lease_time_ms;
}

/* As after a start: what the lease says of this node is of a life before. */
static void begin_anew(struct domain_role *r, uint64_t now_ms)
{
	r->known = r->wrote = r->kept = r->stepping = r->stepped = false;
	r->seen.version = r->mine.version = 0;
	r->rest_until_ms = r->promote_until_ms = 0;
	r->retry_ms = now_ms;
}

void role_accept_twin(struct domain_role *r, uint64_t now_ms)
{
	r->twin = r->noted = false;
	begin_anew(r, now_ms);
}

void role_accept_store(struct domain_role *r, uint64_t now_ms)
{
	r->behind = r->lease_behind = r->least_known = false;
	r->least = 0;
	begin_anew(r, now_ms);
}

enum role_kind role_kind(const struct domain_role *r, uint64_t now_ms)
{
	if (r->master && now_ms < r->believe_until_ms) return ROLE_MASTER;
	return r->config.may_take && !r->removed ? ROLE_STANDBY : ROLE_MEMBER;
}

const struct lease *role_mine(const struct domain_role *r)
{
	return &r->mine;
}

bool role_master_node(const struct domain_role *r, uint64_t now_ms, uint8_t out[static UUID_LEN])
{
	bool me = role_kind(r, now_ms) == ROLE_MASTER;
	if (!me && (!r->known || !r->seen.version || !r->seen.held || now_ms >= r->alive_until_ms || role_is_me(r, &r->seen))) return false;
	memcpy(out, me ? r->config.node_id : r->seen.holder, UUID_LEN);
	return true;
}

bool role_may_encrypt(const struct domain_role *r, uint64_t now_ms)
{
	if (is_halted(r) || !r->known) return false;
	return r->alive_until_ms && now_ms < r->alive_until_ms + r->config.encrypt_grace_ms;
}

unsigned role_said(struct domain_role *r)
{
	unsigned said = r->said;
	r->said = 0;
	return said;
}
