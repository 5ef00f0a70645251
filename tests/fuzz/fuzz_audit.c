/* Fuzzes the reader of audit exports: lines into audit_line_read and into a whole proof. A line that reads is written again as the same bytes. The input is the file;
 * the first byte says whom to believe, and how many of its lines are checkpoints from elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "audit/line_internal.h"
#include "audit/proof.h"
#include "fuzz/fuzz.h"

static struct audit_line line;

static void take_finding(void *arg, const struct audit_finding *f)
{
	uint64_t *count = arg;
	REQUIRE(audit_finding_name(f->kind)[0] && f->detail && f->from <= f->to);
	++*count;
}

static void check_line(struct view text)
{
	static uint8_t again[AUDIT_LINE_MAX];
	struct writer w;
	if (audit_line_read(text, &line) != ERR_OK) return;
	for (size_t i = 0; i < text.len; i++) REQUIRE(text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7e);
	writer_init(&w, again, sizeof again);
	switch (line.kind) {
	case AUDIT_LINE_HEADER: audit_line_header(&line.domain, &line.before, &w); break;
	case AUDIT_LINE_RECORD: audit_line_record_named(&line.event, &line.links, line.operation, line.result, &w); break;
	case AUDIT_LINE_CHECKPOINT: audit_line_checkpoint(&line.domain, &line.checkpoint, &w); break;
	default: audit_line_gap(&line.domain, &line.gap, &w); break;
	}
	REQUIRE(writer_done(&w) == ERR_OK && view_equal(writer_view(&w), text));
}

/* The domain of the file's own header, so that what is behind it is reached. */
static void trust_header(struct view text, struct audit_trust *trust)
{
	const uint8_t *end = memchr(text.ptr, '\n', text.len);
	if (!end || audit_line_read(view_of(text.ptr, (size_t)(end - text.ptr)), &line) != ERR_OK || line.kind != AUDIT_LINE_HEADER) return;
	trust->by_key = true;
	memcpy(trust->key, line.domain.public_key, sizeof trust->key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_trust trust = { .by_key = false };
	struct audit_proof_result result;
	uint64_t findings = 0, refused = 0;
	fuzz_arena();
	if (size == 0) return 0;
	struct view text = view_of(data + 1, size - 1);
	unsigned kept = data[0] & 7;
	if (data[0] & 8) trust_header(text, &trust);
	struct audit_proof *proof = audit_proof_new(&trust, take_finding, &findings);
	REQUIRE(proof);
	for (unsigned round = 0; round < 2; round++) {
		if (round) audit_proof_file(proof, "file");
		for (size_t at = 0, n = 0; at < text.len; n++) {
			const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
			size_t len = end ? (size_t)(end - (text.ptr + at)) : text.len - at;
			struct view one = view_of(text.ptr + at, len);
			if (round) audit_proof_line(proof, one);
			else if (n < kept) refused += audit_proof_keep(proof, one) != ERR_OK;
			else check_line(one);
			at += len + 1;
		}
	}
	audit_proof_end(proof, data[0] & 16, &result);
	REQUIRE(result.findings == findings && refused <= kept);
	REQUIRE(!result.begun || result.signed_to <= result.last || result.findings);
	audit_proof_free(proof);
	return 0;
}
