/* Where several nodes write the store: this one hears what the others changed (docs/formats.md section 23.1, ops/shared_news.h). It reads their changes when the database says
 * that there are some, which it asks before each transaction and every STORE_NEWS_TICK_MS, and every refresh_interval anyhow. Over a store of one node nothing here does anything. */
#ifndef COFFER_DAEMON_STORE_NEWS_H
#define COFFER_DAEMON_STORE_NEWS_H

#include "daemon/daemon.h"

#define STORE_NEWS_TICK_MS 100u

/* Main thread: begins and ends the ticks. ERR_MEMORY. */
enum coffer_err store_news_start(struct daemon *d) MUST_USE;
void store_news_stop(struct daemon *d);

/* The rest on the store thread. */

/* There may be changes: they are read before the next transaction. */
void store_news_want(struct daemon *d);
/* Outside a transaction. Reads them where it is time. ERR_CLOSED, ERR_TIMEOUT: the connection is lost. Whatever else fails is logged, and tried again a little later: what is in memory is served
 * as it is with the database gone; what is damaged at once, and anything else after refresh_interval, ends sealing and changes until they are read again (store_care_deaf). */
enum coffer_err store_news_hear(struct daemon *d) MUST_USE;

#endif
