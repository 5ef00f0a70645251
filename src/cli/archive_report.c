/* What an archive holds. */
#include "cli/archive_report.h"

#include <jansson.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/when.h"

static const char *const state_names[ARCHIVE_STATES_END] = { "other", "pre-active", "active", "deactivated", "compromised", "destroyed",
	"destroyed-compromised" };

static json_t *states(const struct archive_facts *f)
{
	json_t *out = json_object();
	for (unsigned s = 0; s < ARCHIVE_STATES_END; s++)
		if (f->states[s]) json_object_set_new(out, state_names[s], json_integer((json_int_t)f->states[s]));
	return out;
}

static int report_json(const char *path, const struct archive_facts *f, bool opened, const char *fingerprint, const char *id, const char *sum)
{
	return json_print(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:b, s:b}",
		"file", path, "archive", id, "fingerprint", fingerprint, "sha256", sum, "size", (json_int_t)f->size,
		"created_at", (json_int_t)(f->header.created_ms / 1000), "version", (json_int_t)f->header.root_version,
		"generation", (int)f->header.generation, "generations", (int)f->generations, "shares", (int)f->n, "threshold", (int)f->k,
		"objects", (json_int_t)f->tables[STORE_OBJECT].count, "grants", (json_int_t)f->tables[STORE_GRANT].count,
		"audit_records", (json_int_t)f->tables[STORE_AUDIT].count, "rows", (json_int_t)f->rows, "states", states(f),
		"whole", !(f->flags & ARCHIVE_FLAG_NOT_WHOLE), "opened", opened));
}

static void print_states(const struct archive_facts *f)
{
	const char *between = " (";
	for (unsigned s = 0; s < ARCHIVE_STATES_END; s++) {
		if (!f->states[s]) continue;
		printf("%s%llu %s", between, (unsigned long long)f->states[s], state_names[s]);
		between = ", ";
	}
	puts(f->tables[STORE_OBJECT].count ? ")" : "");
}

int archive_report(struct cli *cli, const char *path, const struct archive_facts *f, bool opened)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT], id[2 * ARCHIVE_ID_LEN + 1], sum[65], when[WHEN_TEXT_MAX];
	domain_fingerprint_format(f->header.fingerprint, fingerprint);
	text_hex(view_of(f->header.archive_id, ARCHIVE_ID_LEN), id);
	text_hex(view_of(f->sha256, sizeof f->sha256), sum);
	if (cli->json) return report_json(path, f, opened, fingerprint, id, sum);
	if (cli->quiet) return EXIT_DONE;
	when_text(f->header.created_ms / 1000, when);
	printf("archive      %s\nof domain    %s\nmade         %s, version %llu of the store\n", id, fingerprint, when, (unsigned long long)f->header.root_version);
	if (f->mode == STANZA_SHARES) printf("opens with   any %u of %u shares\n", f->k, f->n);
	else printf("opens with   the recovery passphrase\n");
	printf("data keys    %u, generation %u to %u\n", f->generations, f->first_generation, f->header.generation);
	printf("holds        %llu objects", (unsigned long long)f->tables[STORE_OBJECT].count);
	print_states(f);
	printf("             %llu grants, %llu audit records, %llu rows in all\n", (unsigned long long)f->tables[STORE_GRANT].count,
		(unsigned long long)f->tables[STORE_AUDIT].count, (unsigned long long)f->rows);
	printf("file         %llu bytes, SHA-256 %s\n", (unsigned long long)f->size, sum);
	if (f->flags & ARCHIVE_FLAG_NOT_WHOLE) printf("WARNING      the store was not whole when this was made: look at 'coffer store check'\n");
	return EXIT_DONE;
}
