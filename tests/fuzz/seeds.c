/* fuzz_seeds: writes the corpora. */
#include "fuzz/seeds.h"

#include <errno.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static const char *folder;

void seed_write(const char *target, const char *name, struct view bytes)
{
	char path[4096];
	if (bytes.len > SEED_MAX) {
		fprintf(stderr, "%s/%s has %zu bytes: left out\n", target, name, bytes.len);
		return;
	}
	snprintf(path, sizeof path, "%s/%s", folder, target);
	REQUIRE(mkdir(path, 0777) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
	FILE *f = fopen(path, "wb");
	REQUIRE(f && fwrite(bytes.ptr, 1, bytes.len, f) == bytes.len && fclose(f) == 0);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
		return 2;
	}
	folder = argv[1];
	fuzz_arena();
	seeds_stored();
	seeds_small();
	seeds_archive();
	seeds_rows();
	seeds_requests();
	return 0;
}
