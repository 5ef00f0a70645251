/* Messages between cofferd and coffer-tokend on a stream socket. One request is under way at a time.
 *
 *   request  u32 length | u32 sequence | u16 op  | payload          length: bytes after the length field
 *   reply    u32 length | u32 sequence | u16 err | u16 text length | text | payload (only with err 0)
 *   notice   u32 length | u32 sequence | u16 0xFFFF | u8 step | 32 bytes mark      any number of them in front of the reply (token/notice.h)
 *
 *   op          request payload     reply payload
 *   OPEN        URI                 -
 *   PROVISION   -                   binding
 *   ATTACH      binding             -
 *   DESCRIBE    -                   info
 *   WRAP        32 bytes            blob
 *   UNWRAP      blob                32 bytes
 *   RANDOM      u32 n               n bytes
 *   PROBE       -                   -
 *   CLOSE       -                   -
 *   POLICY_STATUS  -                boot u8, four u16-counted texts in the order of struct token_policy_status
 *   POLICY_MAKE  u16-counted changes, u16-counted PIN (empty: none)   binding, u16-counted URI
 *   POLICY_WRAP  binding, 32 bytes  blob
 *   POLICY_ADOPT binding, u16-counted URI   -
 *   ERASE       -                   -
 *   COUNTER_*   wish                counter
 *   SIGNER, SIGN  signer wish       signer
 *   TRANSPORT_* transport wish      transport
 *   ENDORSE, ACTIVATE  endorse wish   endorsement
 *   PIN         1 to 255 bytes      -                    (token/login.h; before OPEN)
 *
 * binding: 32 bytes master-secret id | u16-counted mechanism | u16-counted data. info: nine u16-counted texts in the order of
 * struct token_info, then u8 made_here. wish: 32 bytes owner | 32 bytes authorization value | u8 replace | u64 from | u16-counted
 * reference; counter: u8 state | u64 value | u16-counted reference | u16-counted place. signer wish: u8 drop | 32 bytes owner |
 * 32 bytes authorization value | 32 bytes digest | u16-counted reference; signer: u8 there | 65 bytes public key | 64 bytes signature |
 * u16-counted reference. transport wish: 32 bytes owner | 32 bytes authorization value | 65 bytes point | u16-counted reference; transport: u8 there |
 * 65 bytes public key | u16-counted reference | u16-counted shared secret (32 bytes with ECDH of a key that is there, else none). endorse wish: 32 bytes authorization value | u16-counted
 * reference | u16-counted credential blob | u16-counted encrypted seed; endorsement: u8 there | u16-counted certificate | u16-counted public area | u16-counted secret (32 bytes with ACTIVATE of a key that
 * is there, else none). Integers are big-endian. Both sides distrust the other: a frame that is too long, has bytes
 * left over, or an unknown op is an error that ends the channel. Frames hold secrets: keep them in struct buf. */
#ifndef COFFER_TOKEN_CHANNEL_H
#define COFFER_TOKEN_CHANNEL_H

#include <stdint.h>

#include "base/reader.h"
#include "base/writer.h"
#include "token/counter.h"
#include "token/endorse.h"
#include "token/notice.h"
#include "token/policy.h"
#include "token/sign.h"
#include "token/token.h"
#include "token/transport.h"

#define CHANNEL_FRAME_MAX (16u * 1024u) /* bytes of a frame with its length field */
#define CHANNEL_RANDOM_MAX 4096u        /* bytes of one RANDOM */

enum channel_op {
	CHANNEL_OPEN = 1, CHANNEL_PROVISION, CHANNEL_ATTACH, CHANNEL_DESCRIBE, CHANNEL_WRAP, CHANNEL_UNWRAP, CHANNEL_RANDOM,
	CHANNEL_PROBE, CHANNEL_CLOSE,
	CHANNEL_POLICY_STATUS = 12, CHANNEL_POLICY_MAKE, CHANNEL_POLICY_WRAP, CHANNEL_POLICY_ADOPT,
	CHANNEL_PIN = 16, CHANNEL_ERASE, CHANNEL_COUNTER_MAKE, CHANNEL_COUNTER_READ, CHANNEL_COUNTER_RAISE,
	CHANNEL_SIGNER, CHANNEL_SIGN,
	CHANNEL_TRANSPORT_MAKE, CHANNEL_TRANSPORT_PUBLIC, CHANNEL_TRANSPORT_ECDH, CHANNEL_TRANSPORT_REMOVE,
	CHANNEL_COUNTER_DROP, CHANNEL_ENDORSE, CHANNEL_ACTIVATE
};

/* Fields that the op does not have are unused. Views and texts of a decoded request borrow the frame. */
struct channel_request {
	uint32_t sequence;
	enum channel_op op;
	char uri[TOKEN_URI_MAX + 1];
	struct token_binding binding;
	struct view bytes;   /* WRAP, POLICY_WRAP: plaintext; UNWRAP: blob; POLICY_MAKE, PIN: the PIN */
	uint32_t random_len;
	char changes[TOKEN_CHANGES_MAX + 1]; /* POLICY_MAKE; POLICY_ADOPT has uri and binding */
	struct token_counter_wish counter; /* COUNTER_* */
	struct token_signer_wish signer;   /* SIGNER, SIGN */
	struct token_transport_wish transport; /* TRANSPORT_* */
	struct token_endorse_wish endorse; /* ENDORSE, ACTIVATE */
};

struct channel_reply {
	uint32_t sequence;
	enum coffer_err err;
	struct reason reason;     /* printable; "" with ERR_OK */
	struct token_binding binding;
	struct token_info info;
	struct view bytes;        /* WRAP, POLICY_WRAP: blob; UNWRAP: plaintext; RANDOM: bytes; TRANSPORT_ECDH: the shared secret; ACTIVATE: the secret */
	char uri[TOKEN_URI_MAX + 1]; /* POLICY_MAKE; its binding stands above */
	struct token_policy_status policy;
	struct token_counter_answer counter;
	struct token_signer_answer signer;
	struct token_transport_answer transport; /* its `shared` is NULL: the secret stands in bytes */
	struct token_endorse_answer endorse;     /* likewise its `secret` */
};

/* Appends one frame. ERR_TOO_LARGE, ERR_MEMORY: `out` may hold part of it. */
enum coffer_err channel_encode_request(const struct channel_request *request, struct buf *out) MUST_USE;
/* op: the request that is answered (what payload there is depends on it). */
enum coffer_err channel_encode_reply(const struct channel_reply *reply, enum channel_op op, struct buf *out) MUST_USE;
/* A whole frame without its length field. ERR_INPUT, ERR_TRUNCATED, ERR_TOO_LARGE: the channel must end. */
enum coffer_err channel_decode_request(struct view frame, struct channel_request *out) MUST_USE;
/* ERR_INPUT also when the sequence is not the expected one. A failing err with an unknown number is ERR_INPUT as well. */
enum coffer_err channel_decode_reply(struct view frame, uint32_t sequence, enum channel_op op, struct channel_reply *out) MUST_USE;

/* A notice of the request with this sequence. Errors as channel_encode_reply and channel_decode_reply. */
enum coffer_err channel_encode_notice(uint32_t sequence, const struct token_notice *notice, struct buf *out) MUST_USE;
enum coffer_err channel_decode_notice(struct view frame, uint32_t sequence, struct token_notice *out) MUST_USE;
/* Whether the frame is to be decoded as one; else it is a reply. */
bool channel_is_notice(struct view frame);

/* Of one kind of payload (token/channel_counter.c). */
void channel_write_wish(struct writer *w, const struct token_counter_wish *wish);
enum coffer_err channel_read_wish(struct reader *r, struct token_counter_wish *out) MUST_USE;
void channel_write_counter(struct writer *w, const struct token_counter_answer *answer);
enum coffer_err channel_read_counter(struct reader *r, struct token_counter_answer *out) MUST_USE;

/* The same (token/channel_signer.c). */
void channel_write_signer_wish(struct writer *w, const struct token_signer_wish *wish);
enum coffer_err channel_read_signer_wish(struct reader *r, struct token_signer_wish *out) MUST_USE;
void channel_write_signer(struct writer *w, const struct token_signer_answer *answer);
enum coffer_err channel_read_signer(struct reader *r, struct token_signer_answer *out) MUST_USE;

/* The same (token/channel_transport.c); the shared secret stands beside the answer. */
void channel_write_transport_wish(struct writer *w, const struct token_transport_wish *wish);
enum coffer_err channel_read_transport_wish(struct reader *r, struct token_transport_wish *out) MUST_USE;
void channel_write_transport(struct writer *w, const struct token_transport_answer *answer, struct view shared);
enum coffer_err channel_read_transport(struct reader *r, bool ecdh, struct token_transport_answer *out, struct view *out_shared) MUST_USE;

/* The same (token/channel_endorse.c); the secret stands beside the answer. */
void channel_write_endorse_wish(struct writer *w, const struct token_endorse_wish *wish);
enum coffer_err channel_read_endorse_wish(struct reader *r, struct token_endorse_wish *out) MUST_USE;
void channel_write_endorse(struct writer *w, const struct token_endorse_answer *answer, struct view secret);
enum coffer_err channel_read_endorse(struct reader *r, bool activate, struct token_endorse_answer *out, struct view *out_secret) MUST_USE;

/* Of references and the like, which both of these have: u16-counted bytes into a field of cap bytes. */
enum coffer_err channel_read_field(struct reader *r, uint8_t *out, size_t cap, size_t *out_len) MUST_USE;
/* A u8 that is 0 or 1. */
enum coffer_err channel_read_flag(struct reader *r, bool *out) MUST_USE;

/* Reads one frame into `out` (cleared first), without its length field. Errors of fdio_read_exact, and ERR_TOO_LARGE. */
enum coffer_err channel_read(int fd, struct buf *out, uint64_t deadline_mono_ms) MUST_USE;

#endif
