/* A PKCS#11 module between Coffer and SoftHSM that fails on demand. It forwards everything to the module that
 * $HSM_SHIM_MODULE names. From a test in the same process, arm it through the functions below (dlsym); from outside,
 * through $HSM_SHIM_CALL (C_Login …), $HSM_SHIM_NTH (from 1) and $HSM_SHIM_RV (number). $HSM_SHIM_HIDE: mechanism numbers,
 * separated by commas, that the token does not list. $HSM_SHIM_CARELESS: C_UnwrapKey opens altered data to what was wrapped
 * last. $HSM_SHIM_FLAGS: token flags that are set in addition. $HSM_SHIM_LAX: private keys of pairs are made extractable. $HSM_SHIM_CONTROL: a file with one line, "CALL VALUE" (CALL or "any"
 * answers that) or "CALL sleep MILLISECONDS" (then goes on), read at each call. $HSM_SHIM_LOG: a file that gets a line "PID CALL" for
 * each call, and "PID FORKED" from every child of a process that loaded this module. */
#ifndef COFFER_TESTS_UNIT_HSM_SHIM_H
#define COFFER_TESTS_UNIT_HSM_SHIM_H

/* The nth call of `call` from now on answers rv without reaching the token; `forever`: every later one too. call NULL: off. */
typedef void hsm_shim_arm_fn(const char *call, unsigned nth, unsigned long rv, int forever);
/* (hsm_shim_arm_after has the same form: the call reaches the token, takes effect there, and then answers rv.) */
/* The nth call of `call` from now on succeeds but returns this length: of the output, of the first attribute, the count of slots
 * or of objects. */
typedef void hsm_shim_lie_fn(const char *call, unsigned nth, unsigned long length, int forever);
/* After the nth call of `call` from now on, and before its answer goes back, hook(arg) runs. */
typedef void hsm_shim_hook_fn(const char *call, unsigned nth, void (*hook)(void *arg), void *arg, int forever);
/* How often `call` (NULL: anything) was made since it was armed last (or since the load). */
typedef unsigned hsm_shim_calls_fn(const char *call);

#endif
