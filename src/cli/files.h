/* Input and output of encrypt, decrypt and rewrap: files, pipes, and an output that appears whole or not at all. */
#ifndef COFFER_CLI_FILES_H
#define COFFER_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "cli/cli.h"

struct input {
	int fd;
	const char *name;    /* for messages */
	uint64_t size;       /* bytes to come, 0 when unknown (a pipe) */
	uint64_t got;        /* bytes that came */
	struct timespec changed; /* of the file, at its opening */
};

/* path NULL or "-": standard input. EXIT_DONE, or the status after a sentence. */
int input_open(const char *path, struct input *out);
void input_close(struct input *in);
/* Reads until cap bytes or the end; *out_len < cap means the end. */
int input_read(struct input *in, uint8_t *buf, size_t cap, size_t *out_len);
/* At the end: whether it is a file that was changed since it was opened and had fewer bytes than then. */
bool input_shrank(const struct input *in);

/* A file is written under a temporary name beside its place, and renamed only by output_commit. Standard output cannot be taken back: what
 * is written there has been verified piece by piece, and the exit status says whether the whole is good. */
struct output {
	int fd;
	const char *path;    /* NULL: standard output */
	char temporary[4096];
	bool regular;
	bool only_mine;      /* nobody else can read the file, whatever the umask says */
	bool only_new;       /* never takes the place of a file, also not of one that appeared since output_open */
	off_t written, started; /* bytes; of them on their way to the disk */
};

int output_open(const char *path, struct output *out);
int output_write(struct output *out, const uint8_t *bytes, size_t len);
/* Flushes to disk and renames; a power loss after that does not take it back. */
int output_commit(struct output *out);
/* Removes the temporary file; nothing after output_commit. */
void output_abandon(struct output *out);

/* Makes the names in a folder durable. A folder that may not be read, or a file system that cannot do it, is left alone. EXIT_DONE, or the status after a
 * sentence. */
int folder_sync(const char *folder);

/* A progress line on stderr when it is a terminal. total 0: unknown. */
struct progress {
	bool on;
	uint64_t done, total, began_ms, shown_ms;
	const char *what;
};
void progress_begin(struct progress *p, const struct cli *cli, const char *what, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
void progress_end(struct progress *p);

#endif
