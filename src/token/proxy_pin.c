/* Which PIN belongs to which token. What a person gave for one is never sent to another, where it would be a wrong try, and it is there again when the proxy comes back,
 * whatever happened to the others meanwhile. */
#include <string.h>

#include "token/place.h"
#include "token/proxy_internal.h"

static void set_aside(struct token_proxy *p, struct secret *pin, const char *uri)
{
	secret_free(p->aside_pin);
	p->aside_pin = pin;
	memmove(p->aside_uri, uri, strlen(uri) + 1);
}

/* A PKCS#11 token has one PIN, wherever in it the master secret is; that of a TPM belongs to the binding. */
static bool is_shared(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (strncmp(a, "pkcs11:", 7) == 0 && token_place_same_token(a, b));
}

bool proxy_pin_is_same(const struct token_proxy *p, const char *uri)
{
	const char *here = strstr(p->uri, "pin-source="), *there = strstr(uri, "pin-source=");
	const size_t len = here ? strcspn(here, "&") : 0;
	const bool given = p->aside_pin && is_shared(p->aside_uri, uri);
	return here && there && !given && is_shared(p->uri, uri) && strcspn(there, "&") == len && memcmp(here, there, len) == 0;
}

/* The one that was there goes aside in its turn. */
static void exchange(struct token_proxy *p)
{
	struct secret *pin = TAKE(p->aside_pin);
	set_aside(p, TAKE(p->pin), p->uri);
	p->pin = pin;
	p->pin_lent = false;
}

void proxy_pin_turn(struct token_proxy *p, const char *uri)
{
	if (strcmp(p->uri, uri) == 0) return;
	if (p->aside_pin && is_shared(p->aside_uri, uri)) {
		exchange(p);
		return;
	}
	if (!p->pin || is_shared(p->uri, uri)) return;
	if (!token_place_same_token(p->uri, uri)) {
		set_aside(p, TAKE(p->pin), p->uri);
		p->pin_lent = false;
	} else if (!p->pin_lent) {
		set_aside(p, secret_copy(secret_bytes(p->pin), secret_len(p->pin)), p->uri);
		p->pin_lent = true;
	}
}

/* What was kept for another object of what may be the same PKCS#11 token would be a wrong try there now. */
void proxy_pin_replace(struct token_proxy *p, struct secret *pin)
{
	const bool may_be_shared = strncmp(p->aside_uri, "pkcs11:", 7) == 0 && strncmp(p->uri, "pkcs11:", 7) == 0;
	if (p->aside_pin && (may_be_shared || is_shared(p->aside_uri, p->uri))) secret_free(TAKE(p->aside_pin));
	secret_free(p->pin);
	p->pin = pin;
	p->pin_lent = false;
}

/* That of the same token which is kept for the way back is another one where somebody mistyped this one. */
void proxy_pin_refused(struct token_proxy *p)
{
	if (p->pin && p->aside_pin && is_shared(p->aside_uri, p->uri) && secret_equal(p->pin, p->aside_pin)) secret_free(TAKE(p->aside_pin));
	secret_free(TAKE(p->pin));
	p->pin_lent = false;
}

bool token_proxy_has_pin(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	const bool has = p->pin != NULL;
	pthread_mutex_unlock(&p->lock);
	return has;
}

bool token_proxy_brings_pin(struct token_proxy *p, const char *uri)
{
	pthread_mutex_lock(&p->lock);
	bool brings = p->aside_pin && is_shared(p->aside_uri, uri);
	brings = brings || (p->pin && (is_shared(p->uri, uri) || token_place_same_token(p->uri, uri)));
	pthread_mutex_unlock(&p->lock);
	return brings;
}

void token_proxy_is_home(struct token_proxy *p, bool keep_other)
{
	pthread_mutex_lock(&p->lock);
	if (!keep_other) secret_free(TAKE(p->aside_pin));
	p->pin_lent = false;
	pthread_mutex_unlock(&p->lock);
}

void token_proxy_give_pin(struct token_proxy *p, const char *uri, struct secret **pin)
{
	pthread_mutex_lock(&p->lock);
	const bool elsewhere = strcmp(uri, p->uri) != 0;
	if (elsewhere && strlen(uri) <= TOKEN_URI_MAX) set_aside(p, TAKE(*pin), uri);
	pthread_mutex_unlock(&p->lock);
	secret_free(TAKE(*pin));
}
