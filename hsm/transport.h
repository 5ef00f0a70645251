/* The key pair of a node's transport key (docs/formats.md section 23.3): token objects of this owner, found by label and CKA_ID. The login guards it; there is no
 * authorization value.
 *
 *   reference = u8 format 1 | CKA_ID (16) */
#ifndef COFFER_HSM_TRANSPORT_H
#define COFFER_HSM_TRANSPORT_H

#include "hsm/session.h"
#include "token/transport.h"

#define HSM_TRANSPORT_LABEL "coffer-transport"
#define HSM_TRANSPORT_ID_LEN 16u

/* As the calls of token/transport.h. */
enum coffer_err hsm_transport_make(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason) MUST_USE;
enum coffer_err hsm_transport_public(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err hsm_transport_ecdh(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason) MUST_USE;
enum coffer_err hsm_transport_remove(struct hsm_session *s, const struct token_transport_wish *wish, struct reason *reason) MUST_USE;

#endif
