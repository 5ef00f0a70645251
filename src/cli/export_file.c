/* Lines of a file. */
#include "cli/export_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line.h"
#include "cli/cli.h"

#define BLOCK (4u * AUDIT_LINE_MAX) /* bytes */

struct lines {
	FILE *file;
	const char *path;
	uint8_t *block;
	size_t len;
	bool too_long; /* the line under way was handed out already */
};

/* Every whole line of the block; what is left moves to its front. */
static void give(struct lines *l, export_line_fn *fn, void *arg)
{
	size_t at = 0;
	for (const uint8_t *end; (end = memchr(l->block + at, '\n', l->len - at)) != NULL;) {
		size_t len = (size_t)(end - (l->block + at));
		if (!l->too_long) fn(arg, view_of(l->block + at, len));
		l->too_long = false;
		at += len + 1;
	}
	l->len -= at;
	memmove(l->block, l->block + at, l->len);
	if (l->len < BLOCK) return;
	if (!l->too_long) fn(arg, view_of(l->block, BLOCK));
	l->too_long = true;
	l->len = 0;
}

static int read_lines(struct lines *l, export_line_fn *fn, void *arg, bool *out_torn)
{
	for (;;) {
		size_t got = fread(l->block + l->len, 1, BLOCK - l->len, l->file);
		if (got == 0) break;
		l->len += got;
		give(l, fn, arg);
	}
	if (ferror(l->file)) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", l->path, strerror(errno));
	*out_torn = l->len > 0 || l->too_long;
	return EXIT_DONE;
}

int export_file_read(const char *path, export_line_fn *fn, void *arg, bool *out_torn)
{
	struct lines l = { .path = path };
	l.file = fopen(path, "re");
	if (!l.file) return cli_fail(EXIT_REFUSED, "%s cannot be opened: %s", path, strerror(errno));
	l.block = malloc(BLOCK);
	int status = l.block ? read_lines(&l, fn, arg, out_torn) : cli_fail(EXIT_REFUSED, "out of memory");
	free(l.block);
	fclose(l.file);
	return status;
}

static struct view first_line(struct view bytes)
{
	const uint8_t *end = bytes.len ? memchr(bytes.ptr, '\n', bytes.len) : NULL;
	return view_of(bytes.ptr, end ? (size_t)(end - bytes.ptr) : 0);
}

int export_file_first(const char *path, uint8_t *out, size_t cap, struct view *out_first, struct view *out_second)
{
	FILE *file = fopen(path, "re");
	if (!file) return cli_fail(EXIT_REFUSED, "%s cannot be opened: %s", path, strerror(errno));
	size_t got = fread(out, 1, cap, file);
	fclose(file);
	*out_first = first_line(view_of(out, got));
	size_t used = out_first->len ? out_first->len + 1 : got;
	if (out_second) *out_second = first_line(view_of(out + used, got - used));
	return EXIT_DONE;
}
