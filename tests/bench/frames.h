/* Raw KMIP frames of the benchmark: requests that are made once and sent again and again, and what a first answer says. */
#ifndef COFFER_BENCH_FRAMES_H
#define COFFER_BENCH_FRAMES_H

#include "base/buf.h"
#include "base/view.h"

#define FRAME_IV_LEN 12u
#define FRAME_TAG_LEN 16u

/* Encrypt with AES-GCM and an IV that the server makes. The caller frees *out. */
void frame_encrypt(const char *uuid, struct view text, struct buf *out);
/* Decrypt of what frame_sealed found. */
void frame_decrypt(const char *uuid, struct view ct, struct view iv, struct view tag, struct buf *out);
/* Sends one request and reads its answer whole; ends the program when it is a refusal. The caller frees *out. */
void frame_ask(int fd, struct view request, struct buf *out);
/* Byte strings of an answer, borrowed from it; what is not there is empty. */
struct frame_parts { struct view data, iv, tag; };
void frame_parts(struct view answer, struct frame_parts *out);

#endif
