/* Recovery shares and other secrets as files. */
#ifndef COFFER_CLI_SHARE_FILES_H
#define COFFER_CLI_SHARE_FILES_H

#include <stddef.h>

#include "base/secret.h"

/* Writes a text that ends with a NUL, without it, to a file that is not there yet, mode 0600; its bytes are on the disk when this returns. EXIT_DONE, or the status after a sentence. */
int secret_file_write(const char *path, const struct secret *text);
/* Writes share i (from 1) to FOLDER/share-i.txt: files that are not there yet, mode 0600, on the disk when this returns. shares: `count` printed forms that
 * end with a NUL, borrowed. EXIT_DONE, or the status after a sentence; files written before it stay. */
int share_files_write(const char *folder, struct secret *const *shares, size_t count);

#endif
