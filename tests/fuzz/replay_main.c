/* Runs a fuzz target over every file of the folders given: the committed corpus in ordinary CTest, without libFuzzer. */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define INPUT_MAX (32u * 1024u * 1024u) /* bytes of one file */

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False when the file cannot be read. */
static bool replay_file(const char *folder, const char *name)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof path) return false;
	AUTO_FILE FILE *f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0) return false;
	long len = ftell(f);
	if (len < 0 || (unsigned long)len > INPUT_MAX || fseek(f, 0, SEEK_SET) != 0) return false;
	AUTO_FREE uint8_t *data = malloc(len != 0 ? (size_t)len : 1); /* exact, so that a read past the end is seen */
	if (data == NULL || fread(data, 1, (size_t)len, f) != (size_t)len) return false;
	(void)LLVMFuzzerTestOneInput(data, (size_t)len);
	return true;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	if (LLVMFuzzerInitialize != NULL) (void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		const struct dirent *entry;
		if (dir == NULL) {
			fprintf(stderr, "cannot open the folder %s\n", argv[i]);
			return 1;
		}
		while ((entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == '.') continue;
			if (!replay_file(argv[i], entry->d_name)) {
				fprintf(stderr, "cannot read %s/%s\n", argv[i], entry->d_name);
				return 1;
			}
			count++;
		}
		closedir(dir);
	}
	printf("%u files\n", count);
	return count != 0 ? 0 : 1;
}
