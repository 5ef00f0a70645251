/* Starting a connection beside others: libpq asks the name service inside PQconnectStartParams and waits for it, however long that takes. Only src/store/postgres*.c includes it. */
#ifndef COFFER_STORE_POSTGRES_START_H
#define COFFER_STORE_POSTGRES_START_H

#include <libpq-fe.h>
#include <stdbool.h>

#define POSTGRES_START_MAX 10u /* names of parameters and the NULL behind them */

/* Whether starting a connection to this host asks the name service: it is no folder and no address. NULL, "": no. */
bool postgres_start_asks(const char *host);

/* PQconnectStartParams (expanding dbname) on a thread of its own; values are copied. NULL: there is no memory, thread or descriptor for it. The caller takes the connection, then leaves. */
struct postgres_start;
struct postgres_start *postgres_start_new(const char *const names[POSTGRES_START_MAX], const char *const values[POSTGRES_START_MAX]);
/* Readable once it has started. */
int postgres_start_fd(const struct postgres_start *start);
/* The connection, which is the caller's then; NULL: not started yet, or memory is short (postgres_start_fd tells which). */
PGconn *postgres_start_take(struct postgres_start *start);
/* What is started later is ended by its thread. Accepts NULL. */
void postgres_start_leave(struct postgres_start *start);

#endif
