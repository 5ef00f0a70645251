/* Statuses of the library: texts, and how the daemon's errors map to them. */
#include "client/conn.h"

const char *coffer_strerror(enum coffer_status status)
{
	static const char *const texts[] = {
		[COFFER_OK] = "done",
		[COFFER_EINVAL] = "an argument is not allowed",
		[COFFER_EUNREACHABLE] = "no daemon answers at the socket",
		[COFFER_EPEER] = "the daemon at the socket runs as another user than expected",
		[COFFER_ETIMEOUT] = "the deadline passed",
		[COFFER_ECLOSED] = "the connection broke",
		[COFFER_EPROTOCOL] = "the answer is not well-formed",
		[COFFER_EDENIED] = "permission denied",
		[COFFER_ENOTFOUND] = "no such key",
		[COFFER_ESTATE] = "the key is in the wrong state, or there is nothing to wait for",
		[COFFER_EEXISTS] = "the name is taken",
		[COFFER_ESEALED] = "the node is sealed or not initialised",
		[COFFER_EBUSY] = "a limit was reached or the server is busy; try again",
		[COFFER_ETOOLARGE] = "too large",
		[COFFER_ENOSPACE] = "the out buffer is too small",
		[COFFER_EFOREIGN] = "not a sealed message or stream of Coffer",
		[COFFER_EVERSION] = "a format version that is unknown here",
		[COFFER_ETRUNCATED] = "the input ends too early",
		[COFFER_EINTEGRITY] = "altered, or made with another context or key",
		[COFFER_EUNSUPPORTED] = "not supported",
		[COFFER_EMEMORY] = "out of memory",
		[COFFER_EIO] = "the server could not read or write its store",
		[COFFER_ESERVER] = "the server failed",
	};
	return (unsigned)status < sizeof texts / sizeof texts[0] ? texts[status] : "unknown status";
}

enum coffer_status conn_status_of(enum coffer_err err)
{
	switch (err) {
	case ERR_OK: return COFFER_OK;
	case ERR_INPUT: case ERR_MISSING: case ERR_FIELD: case ERR_USAGE: return COFFER_EINVAL;
	case ERR_DENIED: case ERR_AUTH: return COFFER_EDENIED;
	case ERR_NOT_FOUND: case ERR_NOT_CACHED: return COFFER_ENOTFOUND;
	case ERR_STATE: case ERR_ARCHIVED: return COFFER_ESTATE;
	case ERR_EXISTS: return COFFER_EEXISTS;
	case ERR_SEALED: case ERR_UNINITIALISED: return COFFER_ESEALED;
	case ERR_BUSY: case ERR_LIMIT: return COFFER_EBUSY;
	case ERR_TOO_LARGE: case ERR_DEPTH: return COFFER_ETOOLARGE;
	case ERR_FOREIGN: return COFFER_EFOREIGN;
	case ERR_VERSION: return COFFER_EVERSION;
	case ERR_TRUNCATED: return COFFER_ETRUNCATED;
	case ERR_CONTEXT: case ERR_CORRUPT: return COFFER_EINTEGRITY;
	case ERR_UNSUPPORTED: return COFFER_EUNSUPPORTED;
	case ERR_MEMORY: return COFFER_EMEMORY;
	case ERR_TIMEOUT: return COFFER_ETIMEOUT;
	case ERR_IO: case ERR_FULL: case ERR_STORE: case ERR_SCHEMA: case ERR_UNKNOWN_OUTCOME: return COFFER_EIO;
	default: return COFFER_ESERVER;
	}
}
