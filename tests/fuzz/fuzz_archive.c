/* Fuzzes archive_open, archive_pass and what follows with shares. The first byte chooses: even, the rest is a file as it is; odd, it is the members behind a good
 * beginning, and the domain signs what comes out, so that each form but the signature is met. What is accepted is accepted again, byte for byte the same facts. */
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "unit/archive/maker.h"

static struct maker made;
static size_t front; /* bytes of preamble, header, stanza and root */

static size_t member_end(size_t at)
{
	const uint8_t *p = made.file.ptr + at;
	return at + 5 + ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]);
}

static void make(void)
{
	fuzz_arena();
	maker_open(&made, 0, 2, false);
	maker_fill(&made);
	maker_archive(&made);
	front = member_end(member_end(member_end(8)));
}

static void read_twice(struct archive *a)
{
	struct archive_facts first, second;
	archive_facts(a, &first);
	REQUIRE(archive_pass(a, NULL, NULL, NULL) == ERR_OK);
	archive_facts(a, &second);
	REQUIRE(memcmp(&first, &second, sizeof first) == 0);
}

static void unlock(struct archive *a)
{
	struct archive_look look = { .look = NULL };
	struct reason reason = { "" };
	struct ring *ring = NULL;
	enum coffer_err err = archive_unlock_shares(a, made.shares, 2, &ring, &reason);
	if (!err) err = archive_check_rows(a, ring, &look, &reason);
	if (err) fuzz_check_reason(&reason);
	ring_free(ring);
}

static void try_file(struct view bytes)
{
	struct reason reason = { "" };
	struct archive *a = NULL;
	int fd = maker_file(bytes);
	enum coffer_err err = archive_open(fd, &a, &reason);
	if (!err) err = archive_pass(a, NULL, NULL, &reason);
	if (err) {
		fuzz_check_reason(&reason);
	} else {
		read_twice(a);
		unlock(a);
	}
	archive_free(a);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = BYTES_EMPTY;
	static const uint8_t room[64];
	if (size == 0) return 0;
	if (!front) make();
	if (data[0] % 2 == 0) {
		try_file(view_of(data + 1, size - 1));
		return 0;
	}
	REQUIRE(bytes_append(&file, view_of(made.file.ptr, front)) == ERR_OK);
	REQUIRE(bytes_append(&file, view_of(data + 1, size - 1)) == ERR_OK);
	REQUIRE(bytes_append(&file, view_of(room, sizeof room)) == ERR_OK);
	maker_sign(&made, &file);
	try_file(bytes_view(&file));
	bytes_free(&file);
	return 0;
}
