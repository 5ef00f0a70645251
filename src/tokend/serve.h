/* The loop of coffer-tokend: reads requests from the channel, calls the one backend that is linked in, answers. */
#ifndef COFFER_TOKEND_SERVE_H
#define COFFER_TOKEND_SERVE_H

#include "base/err.h"

/* Serves until cofferd closes the channel or asks for CLOSE (ERR_OK). Any other end is a broken protocol or a failed write; the
 * process must end. The token is closed in every case. Single-threaded, as backends are. */
enum coffer_err serve_channel(int fd) MUST_USE;

#endif
