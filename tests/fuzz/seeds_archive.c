/* Seeds of archives: whole ones, which need not be of the target's own domain, and the members behind the beginning. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "unit/archive/maker.h"

#define MEMBERS_MAX 32u

static void write_part(const char *name, uint8_t kind, struct view part)
{
	struct bytes b = BYTES_EMPTY;
	REQUIRE(bytes_append(&b, view_of(&kind, 1)) == ERR_OK && bytes_append(&b, part) == ERR_OK);
	seed_write("archive", name, bytes_view(&b));
	bytes_free(&b);
}

void seeds_archive(void)
{
	struct maker m;
	size_t at[MEMBERS_MAX + 1] = { 8 }, n = 0;
	maker_open(&m, 0, 2, false);
	maker_fill(&m);
	maker_archive(&m);
	const uint8_t *p = m.file.ptr;
	for (; at[n] + 64 < m.file.len && n < MEMBERS_MAX; n++) {
		const uint8_t *f = p + at[n];
		at[n + 1] = at[n] + 5 + ((size_t)f[1] << 24 | (size_t)f[2] << 16 | (size_t)f[3] << 8 | f[4]);
	}
	write_part("whole", 0, bytes_view(&m.file));
	write_part("beginning", 0, view_of(p, at[3]));
	write_part("members", 1, view_of(p + at[3], at[n] - at[3]));
	write_part("no-rows", 1, view_of(p + at[n - 2], at[n] - at[n - 2]));
	write_part("no-manifest", 1, view_of(p + at[3], at[n - 1] - at[3]));
	write_part("one-row", 1, view_of(p + at[3], at[4] - at[3]));
	write_part("rows-twice", 1, view_of(p + at[3], at[5] - at[3]));
	maker_done(&m);
}
