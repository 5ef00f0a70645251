/* libcoffer: keys, encryption and decryption through cofferd, the key server of this appliance.
 *
 * The one header a firmware engineer reads. Link with `pkg-config --cflags --libs coffer`.
 *
 *   struct coffer *c;
 *   enum coffer_status st = coffer_connect(NULL, NULL, &c);
 *   if (st) { fprintf(stderr, "%s\n", coffer_strerror(st)); return 1; }
 *   st = coffer_encrypt(c, "disk-key", NULL, 0, plain, plain_len, sealed, sizeof sealed, &sealed_len);
 *   if (st) fprintf(stderr, "%s\n", coffer_error(c));
 *   coffer_close(c);
 *
 * Conventions
 *   Sizes are bytes. Every function that can fail returns enum coffer_status, 0 = done; on failure output parameters are untouched, but for the out buffer of
 *   coffer_encrypt, coffer_decrypt and coffer_rewrap: where a large answer broke off in the middle it holds zeros as far as that had come, and that of
 *   coffer_stream_collect, which holds zeros where the daemon hung up meanwhile.
 *   Pointers in are borrowed for the call; pointers out belong to the caller unless the function says otherwise.
 *   A connection may be used from several threads: calls take turns. Different connections are independent. No global state, no
 *   signal handlers, no threads; SIGPIPE is never raised. After fork() only the parent may use a connection.
 *   Memory: a connection has one buffer for requests and one for answers, each at most max_memory of struct coffer_options (while one
 *   grows, the old one stands beside it for a moment); nothing is allocated per call beyond them. Streams add COFFER_STREAM_SLOTS segments,
 *   shared with the daemon or, when they are lent without a ring, for each stream.
 *   Answers that are under way (segments of a stream, operations sent ahead) come in the order of what was sent, so a connection does one
 *   thing ahead at a time: until they are collected, every other call on it is COFFER_EBUSY.
 *   Key material never reaches this library: the daemon encrypts and decrypts.
 */
#ifndef COFFER_H
#define COFFER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum coffer_status {
	COFFER_OK = 0,
	COFFER_EINVAL = 1,       /* an argument is not allowed */
	COFFER_EUNREACHABLE = 2, /* no daemon at the socket */
	COFFER_EPEER = 3,        /* the daemon at the socket runs as another user than expected */
	COFFER_ETIMEOUT = 4,     /* the deadline passed; the outcome of a change may be unknown: repeat it */
	COFFER_ECLOSED = 5,      /* the connection broke; likewise */
	COFFER_EPROTOCOL = 6,    /* an answer that is not well-formed */
	COFFER_EDENIED = 7,      /* no permission */
	COFFER_ENOTFOUND = 8,    /* no such key */
	COFFER_ESTATE = 9,       /* the key is in the wrong state (destroyed, not active …), or nothing is under way, or a stream or calculation has ended */
	COFFER_EEXISTS = 10,     /* the name is taken */
	COFFER_ESEALED = 11,     /* the node is sealed or not initialised */
	COFFER_EBUSY = 12,       /* a limit was reached or the server is busy: try again */
	COFFER_ETOOLARGE = 13,   /* larger than a sealed message or the buffer allows */
	COFFER_ENOSPACE = 14,    /* the out buffer is too small */
	COFFER_EFOREIGN = 15,    /* not a sealed message or stream of Coffer */
	COFFER_EVERSION = 16,    /* a format version unknown here */
	COFFER_ETRUNCATED = 17,  /* the input ends too early */
	COFFER_EINTEGRITY = 18,  /* altered, or another context, key or order */
	COFFER_EUNSUPPORTED = 19,
	COFFER_EMEMORY = 20,
	COFFER_EIO = 21,         /* the server could not read or write its store, its disk is full … */
	COFFER_ESERVER = 22      /* any other failure of the server */
};

/* Static text, never NULL. Thread-safe. */
const char *coffer_strerror(enum coffer_status status);

struct coffer; /* one connection */

struct coffer_options {
	uint32_t size;            /* sizeof(struct coffer_options) as the caller was compiled; fields that it does not have are 0 */
	uint32_t timeout_ms;      /* deadline of one call, also of coffer_connect (which gives up after some 5 s); 0 = 30,000 */
	int64_t server_uid;       /* -1 = the daemon must run as root, as the owner of the socket's directory, or as the caller; else
	                             exactly this uid */
	size_t max_memory;        /* largest buffer for requests, and for answers; 0 = 12 MiB each */
	uint32_t busy_poll_us;    /* how long a call looks for its answer before it sleeps, in microseconds, at most 10,000. 0 = the library
	                             decides: up to 100, only while answers come as quickly as that and nobody else wants the core.
	                             COFFER_POLL_OFF = not at all */
	uint32_t batch;           /* operations sent ahead that travel in one message (a KMIP batch), at most COFFER_BATCH_MAX; 1 = a message
	                             each; 0 = the library decides */
	uint32_t no_ring;         /* not 0: segments of streams always go in messages, never in memory shared with the daemon */
};
#define COFFER_POLL_OFF UINT32_MAX
#define COFFER_BATCH_MAX 64u

#define COFFER_CONTEXT_MAX 64
struct coffer_pair { const char *name; const void *value; size_t value_len; }; /* context: name 1..255, value 0..4096 bytes */

/* Connects. socket_path NULL: $COFFER_SOCKET (not when set-uid), else /run/coffer/coffer.sock. options NULL: defaults.
 * COFFER_EUNREACHABLE, COFFER_EPEER, COFFER_EMEMORY; COFFER_EINVAL: an option is not allowed, or the path is too long for a socket. */
enum coffer_status coffer_connect(const char *socket_path, const struct coffer_options *options, struct coffer **out);
/* Closes, wipes and frees; accepts NULL. */
void coffer_close(struct coffer *c);
/* The sentence of the last failure on this connection (this thread's view is only right while it is the only caller); "" when none.
 * Borrowed until the next call. */
const char *coffer_error(struct coffer *c);

/* ---- sealed messages: up to 1 MiB (docs/formats.md section 3) ---- */
#define COFFER_MESSAGE_MAX (1024u * 1024u)  /* plaintext bytes */
#define COFFER_MESSAGE_OVERHEAD 68u         /* sealed = plain + this */

/* Seals plain under the newest version of the named key (a name, or a UUID as text). *out_len = plain_len + COFFER_MESSAGE_OVERHEAD.
 * COFFER_ENOSPACE when out_cap is smaller; COFFER_ETOOLARGE above COFFER_MESSAGE_MAX. out may not overlap plain.
 * A message that never has room in the daemon (its max_message, or a quarter of its secret_memory) it refuses with a sentence, and hangs up:
 * COFFER_EINVAL. So with the two below. */
enum coffer_status coffer_encrypt(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len, void *out, size_t out_cap, size_t *out_len);
/* Opens a sealed message; the key is named inside. out may be sealed. */
enum coffer_status coffer_decrypt(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len);
/* The same plaintext under the key's newest version; the plaintext never leaves the daemon. out may be sealed. */
enum coffer_status coffer_rewrap(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len);

/* ---- many small operations ----
 * One call costs two changes of context, however little it encrypts. Operations that are sent ahead share them: send many, then collect
 * their results in the same order.
 *
 *   for (size_t sent = 0, done = 0; done < n;) {
 *       while (sent < n && (st = coffer_encrypt_send(c, "disk-key", NULL, 0, plain[sent], len[sent])) == COFFER_OK) sent++;
 *       if (sent < n && st != COFFER_EBUSY) break;                        (an argument is not allowed, or the connection is broken)
 *       if (sent == done) break;                                          (busy with something else)
 *       st = coffer_collect(c, out[done], sizeof out[done], &out_len[done]);
 *       if (st) fprintf(stderr, "message %zu: %s\n", done, coffer_error(c));
 *       done++;
 *   }
 *
 * Up to COFFER_AHEAD operations are under way on a connection, as long as their answers fit into max_memory; then a send is COFFER_EBUSY
 * and changes nothing: collect first. What was sent goes out when enough is gathered, when coffer_collect needs an answer, or with
 * coffer_flush. An operation that the daemon refuses is that operation's status, and the others go on. Each collect has its own deadline.
 * When the connection breaks, answers that are here can still be collected, and everything else under way is COFFER_ECLOSED (the first one
 * may say more, COFFER_ETIMEOUT or COFFER_EPROTOCOL): none of these operations changes anything, so they can be sent again elsewhere.
 * Plaintext that the connection holds of them is overwritten by what comes after it, or not, and wiped when the last one is collected (what
 * coffer_collect_view shows: by the next call that uses the connection), and by coffer_close.
 * Sending and collecting is for one thread at a time. */
#define COFFER_AHEAD 256u

/* As coffer_encrypt, coffer_decrypt and coffer_rewrap, but for the result. What is borrowed was copied when they return. */
enum coffer_status coffer_encrypt_send(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len);
enum coffer_status coffer_decrypt_send(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len);
enum coffer_status coffer_rewrap_send(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len);
/* The result of the oldest operation under way: its status and, when that is COFFER_OK, its bytes. An operation is over when this returns,
 * with two exceptions: COFFER_ENOSPACE (out_cap is too small) and a missing argument (COFFER_EINVAL) leave it, to be collected again.
 * COFFER_ESTATE when nothing is under way: loop while coffer_under_way. */
enum coffer_status coffer_collect(struct coffer *c, void *out, size_t out_cap, size_t *out_len);
/* The same without a copy: *out is in the connection's own memory, borrowed until the next call that uses it. */
enum coffer_status coffer_collect_view(struct coffer *c, const void **out, size_t *out_len);
/* Gives what was gathered to the daemon now, so that it works while the caller does something else. */
enum coffer_status coffer_flush(struct coffer *c);
/* Operations sent ahead and not collected. */
unsigned coffer_under_way(const struct coffer *c);

/* ---- sealed streams: any size (docs/formats.md section 4) ----
 * Seal: begin gives the header; then segments of exactly segment_size bytes, the last one shorter, full or (as the only one) empty.
 * Open: begin takes the header; then sealed segments of segment_size + COFFER_SEGMENT_OVERHEAD bytes, the last one shorter.
 * Segments may be sent ahead (COFFER_STREAM_AHEAD at most) and collected in order, so that the daemon always has work.
 * While segments are under way every other call on the connection is COFFER_EBUSY: threads that stream take a connection each.
 * Nothing comes out before its tag was checked, but the whole is only verified when the last segment was collected: write to a
 * temporary place until then. After any failure the stream is dead.
 *
 * Memory that both map (docs/formats.md section 15): with the first stream of segments up to 4 MiB the connection asks the daemon for a ring of
 * COFFER_STREAM_SLOTS slots, each as large as that stream's segments, and keeps it. Segments then pass without going over the socket. Without one (an older
 * daemon, no room, no_ring), and where they are larger than its slots, they go in messages, and nothing else differs: begin with the stream that has the
 * largest. Not for any child of the process: fork leaves it out. */
#define COFFER_STREAM_HEADER 99u
#define COFFER_SEGMENT_OVERHEAD 16u
#define COFFER_STREAM_AHEAD 8u
#define COFFER_STREAM_SLOTS 10u
struct coffer_stream;

/* segment_size: 0 = 1 MiB, else a power of two from 64 KiB to 16 MiB. The stream borrows the connection, which must outlive it.
 * What goes in messages (without a ring, and always above 4 MiB) must fit: a segment into this connection's max_memory (else COFFER_ETOOLARGE when it is sent), into
 * the daemon's max_message (4 MiB unless configured: segments of 2 MiB fit) and into an eighth of its secret_memory (else it
 * refuses it with a sentence and hangs up: COFFER_EINVAL). */
enum coffer_status coffer_stream_seal(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	uint32_t segment_size, uint8_t header[COFFER_STREAM_HEADER], struct coffer_stream **out);
enum coffer_status coffer_stream_open(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const uint8_t header[COFFER_STREAM_HEADER], struct coffer_stream **out);
uint32_t coffer_stream_segment_size(const struct coffer_stream *s);
/* Sends one segment, copied; last != 0 for the last one. COFFER_EBUSY when COFFER_STREAM_AHEAD are under way, or, in messages, as many as max_memory holds
 * answers of (never less than one): collect first. */
enum coffer_status coffer_stream_send(struct coffer_stream *s, const void *in, size_t in_len, int last);
/* Collects the oldest segment under way: waits for it and copies it to out. However it ends, that segment is under way no more, and a failure (COFFER_ENOSPACE
 * too) is the end of the stream: what is collected after it is COFFER_ESTATE at best. */
enum coffer_status coffer_stream_collect(struct coffer_stream *s, void *out, size_t out_cap, size_t *out_len);
unsigned coffer_stream_under_way(const struct coffer_stream *s);
/* 1: collecting now would not wait (or would fail at once); 0: it would, or nothing is under way. */
int coffer_stream_ready(struct coffer_stream *s);
/* 1: the stream's segments pass through shared memory; 0: in messages. */
int coffer_stream_in_ring(const struct coffer_stream *s);

/* The same without copying: the library lends memory, the daemon works in it, and its answer is read where it lies. One round:
 *     lend (fill it) -> send_lent -> collect_lent (use it) -> give_back
 * COFFER_STREAM_SLOTS pieces at most are lent, under way and collected together; several may be in each state, and they are sent in any
 * order that the caller likes. Works alike without a ring, in memory of the process. A piece is read and written only between lend and send_lent,
 * and only read between collect_lent and give_back. Sending and collecting may be mixed with the copying calls above.
 *
 * *out: a free piece for one segment, *out_cap bytes (segment_size to seal, and COFFER_SEGMENT_OVERHEAD more to open). COFFER_EBUSY: all are in use,
 * collect and give back first. COFFER_ESTATE: the stream has ended. */
enum coffer_status coffer_stream_lend(struct coffer_stream *s, void **out, size_t *out_cap);
/* Sends the first len bytes of a lent piece as the next segment; the piece is the daemon's from now on. When it could not be sent it stays lent.
 * COFFER_EINVAL: not lent by this stream. COFFER_ETOOLARGE: len is over its size. Else as coffer_stream_send. */
enum coffer_status coffer_stream_send_lent(struct coffer_stream *s, void *lent, size_t len, int last);
/* Waits for the oldest segment under way; *out: where it lies, to be read until it is given back. COFFER_ESTATE: none is under way. */
enum coffer_status coffer_stream_collect_lent(struct coffer_stream *s, const void **out, size_t *out_len);
/* Ends the use of a piece, collected or lent. What was read in a collected piece counts only with COFFER_OK: COFFER_ECLOSED says that the daemon hung up,
 * and may have wiped the piece while it was read. COFFER_EINVAL: not lent by this stream; COFFER_ESTATE: it is under way. */
enum coffer_status coffer_stream_give_back(struct coffer_stream *s, const void *lent);
/* Ends the stream (a part that was not finished is forgotten by the daemon), with every piece that it lent; accepts NULL. */
void coffer_stream_close(struct coffer_stream *s);

/* ---- MAC and hash ----
 * In parts of at most COFFER_MESSAGE_MAX bytes each: begin, update as often as needed, then final or check with the last part (which may be
 * empty, or all there is). A connection keeps at most 16 of them, and the place of one that was closed between its first part and its
 * end until the connection is closed; one that failed is dead (COFFER_ECLOSED), one that gave its result has ended (COFFER_ESTATE). The object borrows the connection, which must
 * outlive it. */
#define COFFER_DIGEST_MAX 64u /* bytes of the longest MAC or hash */
struct coffer_digest;

/* algorithm: "sha-256", "sha-384", "sha-512", "sha-224", "sha-512-256", "sha3-256", "sha3-384" or "sha3-512"; NULL = "sha-256". */
enum coffer_status coffer_hash_begin(struct coffer *c, const char *algorithm, struct coffer_digest **out);
/* key: an HMAC key (a name or a UUID); verify != 0: to check a MAC, which deactivated keys still do. */
enum coffer_status coffer_mac_begin(struct coffer *c, const char *key, int verify, struct coffer_digest **out);
enum coffer_status coffer_digest_update(struct coffer_digest *d, const void *data, size_t len);
/* The hash or MAC; COFFER_ENOSPACE when out_cap is too small (COFFER_DIGEST_MAX always suffices). */
enum coffer_status coffer_digest_final(struct coffer_digest *d, const void *last, size_t last_len, void *out, size_t out_cap, size_t *out_len);
/* *out_valid = 1 when `mac` is right, 0 when not; compared in constant time by the daemon. */
enum coffer_status coffer_digest_check(struct coffer_digest *d, const void *last, size_t last_len, const void *mac, size_t mac_len,
	int *out_valid);
/* Forgets and frees; accepts NULL. */
void coffer_digest_close(struct coffer_digest *d);

/* ---- keys ---- */
#define COFFER_UUID_TEXT 37u /* characters with NUL */
#define COFFER_NAME_MAX 255u

struct coffer_key_info {
	char uuid[COFFER_UUID_TEXT];
	char name[COFFER_NAME_MAX + 1]; /* "" when this version has no name any more */
	char algorithm[32];             /* "AES" */
	uint32_t length_bits;
	uint32_t version;
	char state[24];                 /* "active" … as KMIP names them, lower case */
	char owner[256];
	char group[256];
	uint64_t created_s, activated_s, deactivated_s, compromised_s, destroyed_s; /* Unix time, 0 = not */
	char replaced_by[COFFER_UUID_TEXT], replaces[COFFER_UUID_TEXT];             /* "" = none */
	uint32_t rotate_every_s;          /* the daemon replaces it so often; 0: it has no schedule */
	uint64_t rotates_s, rotated_s;    /* when it is due by its schedule; when it was replaced. Unix time, 0 = not */
};

/* algorithm: "aes-256", "aes-192", "aes-128", "chacha20" (ChaCha20-Poly1305), "hmac-sha256", "hmac-sha384" or "hmac-sha512"; NULL = "aes-256".
 * Sealed messages and streams take AES-256 keys, MACs HMAC keys. group NULL: none. The key is active at once. */
enum coffer_status coffer_key_create(struct coffer *c, const char *name, const char *algorithm, const char *group, char uuid[COFFER_UUID_TEXT]);
/* Many keys, the quick way: up to COFFER_BATCH_MAX of them are one message and one commit of the server. Each is created or refused by
 * itself (a name that is taken stops no other) and has its status; those of one message are durable together. Returns COFFER_OK when every
 * key was created, else the status of the first that was not, whose sentence is coffer_error's. When the connection breaks or the deadline
 * (one for each message) passes, the keys that are not answered have that status and may or may not exist: create them again, and
 * COFFER_EEXISTS says that they do. An argument that is not allowed creates nothing. */
struct coffer_new_key {
	const char *name, *algorithm, *group; /* as above */
	enum coffer_status status;            /* out */
	char uuid[COFFER_UUID_TEXT];          /* out, when status is COFFER_OK */
};
enum coffer_status coffer_key_create_many(struct coffer *c, struct coffer_new_key *keys, size_t count);
/* key: a name or a UUID, here and below. */
enum coffer_status coffer_key_info(struct coffer *c, const char *key, struct coffer_key_info *out);
/* Calls fn for every key the caller may see, the newest first; fn returns 0 to go on, and may use the connection. Which ones there are is asked before (37 bytes
 * of memory each): what others make or take away meanwhile may be missing, or come all the same.
 * COFFER_EBUSY: there are more than locate_scan_max objects, which is what the daemon looks at for one search. */
enum coffer_status coffer_key_list(struct coffer *c, int (*fn)(void *arg, const struct coffer_key_info *key), void *arg);
/* A new version takes the name; older ones still decrypt. */
enum coffer_status coffer_key_rotate(struct coffer *c, const char *key, char uuid[COFFER_UUID_TEXT]);
enum coffer_status coffer_key_activate(struct coffer *c, const char *key);
/* reason: "unspecified", "key-compromise", "ca-compromise", "affiliation-changed", "superseded", "cessation-of-operation",
 * "privilege-withdrawn". A compromise makes the key Compromised, any other reason Deactivated. message may be NULL. */
enum coffer_status coffer_key_revoke(struct coffer *c, const char *key, const char *reason, const char *message);
/* The key must be deactivated, compromised or never activated. Gone for good. */
enum coffer_status coffer_key_destroy(struct coffer *c, const char *key);

/* ---- others ---- */
/* len 1..65,536 bytes from the daemon's generator (token random mixed in). */
enum coffer_status coffer_random(struct coffer *c, void *out, size_t len);
/* The status document (JSON text, NUL-terminated) of the daemon. */
enum coffer_status coffer_status_json(struct coffer *c, char *out, size_t out_cap, size_t *out_len);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
