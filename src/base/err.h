/* The one error type of the project: every function that can fail returns enum coffer_err.
 * Names and sentences come from err.def. Thread-safe; no state. */
#ifndef COFFER_BASE_ERR_H
#define COFFER_BASE_ERR_H

enum coffer_err {
	ERR_OK = 0,
#define ERR(name, cls, text) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_COUNT
};

enum err_class {
	ERR_CLASS_ok, ERR_CLASS_input, ERR_CLASS_denied, ERR_CLASS_notfound, ERR_CLASS_state, ERR_CLASS_limit,
	ERR_CLASS_io, ERR_CLASS_token, ERR_CLASS_crypto, ERR_CLASS_memory, ERR_CLASS_bug
};

#define MUST_USE __attribute__((warn_unused_result))

/* Short upper-case name ("TOKEN_GONE"), static storage, never NULL. */
const char *err_name(enum coffer_err err);
/* The sentence of err.def, static storage, never NULL. */
const char *err_text(enum coffer_err err);
enum err_class err_class(enum coffer_err err);

/* The two control macros (style.md 12). */
#define TRY(expr) do { enum coffer_err try_err_ = (expr); if (try_err_ != ERR_OK) return try_err_; } while (0)
#define ENSURE(cond, err) do { if (!(cond)) return (err); } while (0)

/* Assertions about our own bugs; stay on in release (style.md 14). Print file:line to stderr and abort. */
void err_assert_fail(const char *what, const char *file, int line) __attribute__((noreturn));
#define PRE(cond) do { if (!(cond)) err_assert_fail("PRE " #cond, __FILE__, __LINE__); } while (0)
#define POST(cond) do { if (!(cond)) err_assert_fail("POST " #cond, __FILE__, __LINE__); } while (0)
#define INVARIANT(cond) do { if (!(cond)) err_assert_fail("INVARIANT " #cond, __FILE__, __LINE__); } while (0)

#endif
