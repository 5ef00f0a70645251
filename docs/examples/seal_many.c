/* Seals many small records, and opens them again: sent ahead and collected in order, so that they share their way to the daemon and back.
 *
 *   cc seal_many.c -o seal_many $(pkg-config --cflags --libs coffer)
 *   coffer key create records && ./seal_many records 10000 */
#include <coffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD 48u /* bytes */
#define SEALED (RECORD + COFFER_MESSAGE_OVERHEAD)

static void make_record(size_t i, char record[RECORD])
{
	memset(record, 0, RECORD);
	snprintf(record, RECORD, "reading %zu: 21.5 C", i);
}

/* Seals `count` records into sealed[]. Returns how many went wrong, or -1 when the connection did. */
static int seal_all(struct coffer *c, const char *key, size_t count, uint8_t (*sealed)[SEALED])
{
	char record[RECORD];
	size_t sent = 0, done = 0, len;
	int wrong = 0;
	while (done < count) {
		enum coffer_status st = COFFER_OK;
		while (sent < count && st == COFFER_OK) {
			make_record(sent, record);
			st = coffer_encrypt_send(c, key, NULL, 0, record, RECORD);
			if (st == COFFER_OK) sent++;
		}
		if (st && st != COFFER_EBUSY) return -1; /* COFFER_EBUSY: enough is under way */
		st = coffer_collect(c, sealed[done], SEALED, &len);
		if (st) fprintf(stderr, "record %zu: %s\n", done, coffer_error(c));
		if (st == COFFER_ECLOSED) return -1;
		wrong += st != COFFER_OK;
		done++;
	}
	return wrong;
}

/* The same way back, looking at each result where it lies. */
static int open_all(struct coffer *c, size_t count, uint8_t (*sealed)[SEALED])
{
	char record[RECORD];
	const void *opened;
	size_t sent = 0, done = 0, len;
	int wrong = 0;
	while (done < count) {
		while (sent < count && coffer_decrypt_send(c, NULL, 0, sealed[sent], SEALED) == COFFER_OK) sent++;
		if (sent == done) return -1;
		make_record(done, record);
		enum coffer_status st = coffer_collect_view(c, &opened, &len);
		if (st) fprintf(stderr, "record %zu: %s\n", done, coffer_error(c));
		if (st || len != RECORD || memcmp(opened, record, RECORD) != 0) wrong++;
		done++;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	struct coffer *c;
	size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > 1000000) return fprintf(stderr, "usage: seal_many KEY COUNT\n"), 2;
	enum coffer_status st = coffer_connect(NULL, NULL, &c);
	if (st) return fprintf(stderr, "%s\n", coffer_strerror(st)), 1;
	uint8_t(*sealed)[SEALED] = calloc(count, sizeof *sealed);
	int wrong = sealed ? seal_all(c, argv[1], count, sealed) : -1;
	if (wrong == 0) wrong = open_all(c, count, sealed);
	if (wrong < 0) fprintf(stderr, "%s\n", coffer_error(c));
	else printf("%zu records sealed and opened, %d wrong\n", count, wrong);
	free(sealed);
	coffer_close(c);
	return wrong != 0;
}
