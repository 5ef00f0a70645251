/* Cleanup attributes for locals, always initialised at declaration (style.md 16), and TAKE for moves. */
#ifndef COFFER_BASE_CLEANUP_H
#define COFFER_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p) { free(*(void **)p); }
static inline void cleanup_fd(int *fd) { if (*fd >= 0) close(*fd); }
static inline void cleanup_file(FILE **f) { if (*f) fclose(*f); }

#define AUTO(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(cleanup_free)   /* void *-like from malloc */
#define AUTO_FD AUTO(cleanup_fd)       /* int, -1 when empty */
#define AUTO_FILE AUTO(cleanup_file)   /* FILE * */

/* A large local that is written before it is read, on a path where zeroing it first costs more than the work (-ftrivial-auto-var-init). Never one that
 * goes out as a whole. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define UNSET __attribute__((uninitialized))
#endif
#endif
#ifndef UNSET
#define UNSET
#endif

/* Moves a pointer out of a variable: the variable becomes NULL. */
#define TAKE(p) __extension__({ __typeof__(p) take_ = (p); (p) = NULL; take_; })
#define TAKE_FD(fd) __extension__({ int take_fd_ = (fd); (fd) = -1; take_fd_; })

/* Defines an AUTO-usable cleanup function `auto_<fn>` for a type freed by `fn(type *)`. */
#define DEFINE_AUTO(type, fn) static inline void auto_##fn(type **p) { fn(*p); }

#endif
