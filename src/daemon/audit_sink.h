/* Where a copy of the audit log goes: a file, syslog, the journal. Everything here is called by the sink's own thread alone (daemon/audit_export.c). */
#ifndef COFFER_DAEMON_AUDIT_SINK_H
#define COFFER_DAEMON_AUDIT_SINK_H

#include "audit/digest.h"
#include "config/config.h"

struct audit_sink;

/* One batch: lines, each with a newline. With `levels` each has its syslog severity as a digit in front. */
struct audit_batch {
	const uint8_t *at;       /* moved behind what is there */
	size_t len;
	uint64_t first, last;    /* records in it; last 0: none */
	const struct audit_place *place; /* behind it */
	bool sealed;             /* ends with a checkpoint over everything in front */
};

struct audit_sink_ops {
	const char *name;
	bool levels;
	/* The place behind what is there already, as it says itself: nothing of it is believed before the store says the same. ERR_NOT_FOUND: nothing is there, and
	 * *out_seq is the record to go on behind (UINT64_MAX: the newest one), with its place in *out where something says it, else zeros. signed_to: last record with a checkpoint. */
	enum coffer_err (*locate)(struct audit_sink *s, const struct domain_id *domain, struct audit_place *out, uint64_t *out_signed_to, uint64_t *out_seq);
	/* After locate said ERR_NOT_FOUND: what was put there before is gone, or does not count: where it ended is no place to go on from. NULL: never. */
	bool (*lost)(const struct audit_sink *s);
	/* What is there is not of this chain: it is put aside, never written to. */
	enum coffer_err (*put_aside)(struct audit_sink *s);
	/* A new beginning at this place; NULL: none is needed. Whether the next batch has to begin with a header. */
	bool (*wants_header)(const struct audit_sink *s);
	/* Whether a checkpoint is due behind so many more bytes. */
	bool (*wants_checkpoint)(const struct audit_sink *s, const struct config *config, size_t more);
	/* All of it or, with ERR_BUSY, as much as could be taken at once. ERR_TOO_LARGE: the line at batch->at is too long for it, and was not taken. */
	enum coffer_err (*put)(struct audit_sink *s, const struct config *config, struct audit_batch *batch);
	void (*close)(struct audit_sink *s);
};

/* The strings are borrowed for good. NULL: memory is short. close frees them. */
struct audit_sink *audit_sink_file_new(const char *path);
struct audit_sink *audit_sink_syslog_new(const char *socket, const char *state_dir);
struct audit_sink *audit_sink_journal_new(const char *socket, const char *state_dir);
extern const struct audit_sink_ops audit_sink_file, audit_sink_syslog, audit_sink_journal;

#endif
