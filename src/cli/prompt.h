/* Secrets typed by a person or read from a file or descriptor: never arguments. */
#ifndef COFFER_CLI_PROMPT_H
#define COFFER_CLI_PROMPT_H

#include "base/secret.h"
#include "cli/cli.h"

#define PROMPT_SECRET_MAX 4096u

/* Asks on the terminal without echo. EXIT_DONE, or the status after a sentence (no terminal). Caller frees. */
int prompt_secret(const char *question, struct secret **out);
/* Asks for several lines with echo off, up to an empty line (a recovery share). */
int prompt_share(const char *question, struct secret **out);
/* Reads a file; one trailing newline is dropped. */
int secret_from_file(const char *path, struct secret **out);
int secret_from_fd(const char *option, const char *number, struct secret **out); /* option: its name, for the sentence */
/* A credential that systemd laid into $CREDENTIALS_DIRECTORY. */
int secret_from_credential(const char *option, const char *name, struct secret **out);
/* Whether one of the options below was given. */
bool secret_is_given(struct cli *cli, const struct cmd_args *args);
/* --pin-file, or --pin, which prompts; neither: *out stays. */
int pin_from_args(struct cli *cli, const struct cmd_args *args, struct secret **out);
/* --secret-file, --secret-fd, --secret-credential, else the prompt. */
int secret_from_args(struct cli *cli, const struct cmd_args *args, const char *question, struct secret **out);

#endif
