/* What an archive holds, for people and as JSON. */
#ifndef COFFER_CLI_ARCHIVE_REPORT_H
#define COFFER_CLI_ARCHIVE_REPORT_H

#include "archive/archive.h"
#include "cli/cli.h"

/* opened: shares or passphrase opened it, and every row. EXIT_DONE, or the status after a sentence. */
int archive_report(struct cli *cli, const char *path, const struct archive_facts *facts, bool opened);

#endif
