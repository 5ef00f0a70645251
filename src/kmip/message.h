/* Request and response messages (KMIP 1.4 sections 6, 7, 11.1): headers, batch items, message extensions. Parsing
 * yields structs of views into the frame, which must outlive them. No allocation; any thread. */
#ifndef COFFER_KMIP_MESSAGE_H
#define COFFER_KMIP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "base/writer.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "kmip/version.h"
#include "ttlv/ttlv.h"

#define KMIP_BATCH_MAX 64u              /* items of one message */
#define KMIP_CORRELATION_MAX 256u       /* bytes of a client or server correlation value */
#define KMIP_UNIQUE_ID_MAX 256u         /* bytes of a Unique Batch Item ID */
#define KMIP_AUTHENTICATION_MAX 65536u  /* bytes of the Authentication structure */
#define KMIP_REQUEST_ID_LEN 16u         /* bytes */
#define KMIP_VENDOR "coffer"            /* Vendor Identification of our message extensions */

/* ---- what a batch item is about; the same in request and response ---- */

struct kmip_item_id {
	uint32_t operation;        /* enum kmip_operation or kmip_vendor_operation; 0 = none (only in a response) */
	bool has_unique_id;
	struct view unique_id;     /* Unique Batch Item ID */
};

/* ---- reading a request (request.c) ---- */

struct kmip_request_header {
	struct kmip_version version;         /* as sent */
	bool has_max_response_size;
	uint32_t max_response_size;          /* bytes */
	struct view client_correlation;      /* empty: absent; goes into the log and back to the client */
	struct view server_correlation;      /* of an earlier answer; not used */
	bool asynchronous;                   /* default false; every answer is synchronous (section 6.7) */
	bool attestation_capable;            /* default false */
	bool has_authentication;             /* its shape is checked (credential.h), what it says is not used */
	uint32_t error_continuation;         /* enum kmip_batch_error_continuation_option; default Stop */
	bool batch_order;                    /* as sent; items are always run in order */
	bool has_time_stamp;
	int64_t time_stamp;                  /* POSIX seconds; never a reason to refuse (section 6.5) */
	uint32_t batch_count;                /* 1 to KMIP_BATCH_MAX */
};

struct kmip_batch_item {
	struct kmip_item_id id;
	enum coffer_err err;                 /* not ERR_OK: the item fails with it, and only id may be used (operation 0 if unreadable) */
	const char *why;                     /* a sentence about err, static storage; NULL: there is none */
	struct ttlv_cursor payload;          /* over the fields of the Request Payload */
	bool has_request_id;                 /* from our own Message Extension */
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	bool from_coffer;                    /* our own Message Extension was there: failures name their error */
};

/* About 12 KiB: not for deep stacks. */
struct kmip_request {
	struct kmip_request_header header;
	struct kmip_version version;         /* to answer in: chosen by kmip_version_choose */
	size_t count;                        /* = header.batch_count */
	struct kmip_batch_item items[KMIP_BATCH_MAX];
};

/* Checks the whole frame (ttlv_check with `limits`) and reads header and batch items. An error means that the
 * message as a whole is refused: answer with kmip_refuse(out->version). out->version is always set, also on failure
 * (the version the peer may understand best); the rest of *out is only for ERR_OK. Trouble inside one batch item is
 * in its err, and an extension that is critical and unknown puts ERR_UNSUPPORTED into every item (section 6.16).
 * ERR_VERSION, ERR_INPUT, ERR_MISSING, ERR_FIELD, ERR_LIMIT (batch), and those of ttlv_check. */
enum coffer_err kmip_request_parse(struct view frame, const struct ttlv_limits *limits, struct kmip_request *out,
	struct reason *reason) MUST_USE;

/* ---- writing a response (response_write.c) ---- */

struct kmip_response_mark {
	struct ttlv_mark message;
	struct writer_mark batch_count;
};

/* Opens the Response Message and writes its header. client_correlation, server_correlation: empty = left out (and
 * below 1.4 always). */
struct kmip_response_mark kmip_response_begin(struct writer *w, struct kmip_version version, int64_t now_s,
	struct view client_correlation, struct view server_correlation);
/* Closes it; batch_count = items written. */
void kmip_response_end(struct writer *w, struct kmip_response_mark mark, uint32_t batch_count);

struct kmip_item_mark {
	size_t start;              /* writer_len where the batch item begins */
	bool fits;                 /* the writer had not failed there */
	struct ttlv_mark item, payload;
};

/* A successful batch item: begin, put the fields of the Response Payload, end. */
struct kmip_item_mark kmip_item_begin(struct writer *w, const struct kmip_item_id *id);
void kmip_item_end(struct writer *w, struct kmip_item_mark mark);
/* Takes back a batch item that was begun (and wipes it), to write a failure in its place. When the item did not fit
 * into the writer (ERR_TOO_LARGE), the writer may be used again: leave it room for the failure. */
void kmip_item_rewind(struct writer *w, struct kmip_item_mark mark);
/* A failed batch item: Result Reason from kmip_reason_of(err), Result Message `text` (NULL: err_text). name_error:
 * adds our Message Extension with the error's name (when the request carried ours). */
void kmip_item_fail(struct writer *w, const struct kmip_item_id *id, enum coffer_err err, const char *text,
	bool name_error);
/* The same with a Result Reason chosen by the caller (Index Out Of Bounds …). text NULL: no Result Message. named: the
 * error of our Message Extension; ERR_OK: no extension. */
void kmip_item_fail_reason(struct writer *w, const struct kmip_item_id *id, uint32_t result_reason, const char *text,
	enum coffer_err named);
/* The same with a Response Payload (Check, section 4.10): payload holds its encoded fields. */
void kmip_item_fail_payload(struct writer *w, const struct kmip_item_id *id, uint32_t result_reason, const char *text,
	enum coffer_err named, struct view payload);
/* Bytes of a failed batch item without Result Message and extension: the least that a failure takes. */
size_t kmip_item_fail_size(const struct kmip_item_id *id);
/* Result Status Operation Undone (section 6.13). */
void kmip_item_undone(struct writer *w, const struct kmip_item_id *id);
void kmip_item_pending(struct writer *w, const struct kmip_item_id *id, struct view correlation);
/* A whole response message with one failed batch item and no operation (section 11.1). */
void kmip_refuse(struct writer *w, struct kmip_version version, int64_t now_s, enum coffer_err err, const char *text);

/* ---- writing a request (request_write.c) ---- */

struct kmip_request_mark {
	struct ttlv_mark message;
	struct writer_mark batch_count;
};

/* Header with version, Maximum Response Size (at most INT32_MAX; 0 = left out) and batch count. */
struct kmip_request_mark kmip_request_begin(struct writer *w, struct kmip_version version, uint32_t max_response_size,
	uint32_t batch_count);
void kmip_request_end(struct writer *w, struct kmip_request_mark mark);
/* A batch that goes on after a failure, and whose number of items shows at its end (1 to KMIP_BATCH_MAX). Every item needs a Unique Batch Item ID. */
struct kmip_request_mark kmip_request_begin_batch(struct writer *w, struct kmip_version version);
void kmip_request_end_batch(struct writer *w, struct kmip_request_mark mark, uint32_t batch_count);
struct kmip_item_mark kmip_request_item_begin(struct writer *w, const struct kmip_item_id *id);
/* Ends payload and item; adds our Message Extension: with the request id, or without one when request_id is NULL. */
void kmip_request_item_end(struct writer *w, struct kmip_item_mark mark, const uint8_t *request_id);

/* ---- reading a response (response.c) ---- */

struct kmip_response_item {
	struct kmip_item_id id;
	uint32_t status;                     /* enum kmip_result_status */
	uint32_t reason;                     /* enum kmip_result_reason; 0 absent */
	enum coffer_err err;                 /* ERR_OK on success; else as our extension names it, or the nearest of `reason` */
	struct view message;                 /* Result Message, UTF-8; empty when absent */
	struct view correlation;             /* Asynchronous Correlation Value when pending */
	bool has_payload;
	struct ttlv_cursor payload;          /* empty when absent */
};

struct kmip_response_header {
	struct kmip_version version;
	int64_t time_stamp;
	struct view client_correlation, server_correlation; /* empty: absent */
	uint32_t batch_count;                /* 0 to KMIP_BATCH_MAX */
};

/* Item by item. Checks the whole frame and reads its header; *out_items hands out its batch_count items to kmip_response_take, and then ttlv_done
 * says whether there was more. What is handed out borrows the frame. Errors as kmip_request_parse. */
enum coffer_err kmip_response_open(struct view frame, const struct ttlv_limits *limits, struct kmip_response_header *out,
	struct ttlv_cursor *out_items, struct reason *reason) MUST_USE;
enum coffer_err kmip_response_take(struct ttlv_cursor *items, struct kmip_response_item *out) MUST_USE;

/* About 8 KiB: not for deep stacks. */
struct kmip_response {
	struct kmip_version version;
	int64_t time_stamp;
	struct view client_correlation, server_correlation;
	size_t count;
	struct kmip_response_item items[KMIP_BATCH_MAX]; /* the first `count` */
};

/* *out is only for ERR_OK. Errors as kmip_request_parse. */
enum coffer_err kmip_response_parse(struct view frame, const struct ttlv_limits *limits, struct kmip_response *out,
	struct reason *reason) MUST_USE;

#endif
