// Rollcall · CHiredis

#ifndef ROLLCALL_CHIREDIS_SHIM_H
#define ROLLCALL_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>

// Debian 12 and Ubuntu 22.04 have 0.14; later ones and Homebrew have 1.x. Only this file knows the differences.
_Static_assert(HIREDIS_MAJOR == 1 || (HIREDIS_MAJOR == 0 && HIREDIS_MINOR == 14), "written for hiredis 0.14 and 1.x");

// Swift cannot call hiredis' macros, and is slow with its fixed-size arrays, which are tuples in Swift.

static inline const char *rollcall_reader_error(const redisReader *reader) {
    return reader->errstr;
}

static inline void rollcall_reader_set_owner(redisReader *reader, void *owner) {
    reader->privdata = owner;
}

/// The number of bytes that the reader has not parsed, because the rest of a reply is missing.
static inline size_t rollcall_reader_waiting(const redisReader *reader) {
    return reader->len - reader->pos;
}

/// The type (REDIS_REPLY_…) of the item that is not complete, or -1 when its first byte has not arrived.
static inline int rollcall_reader_awaited_type(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR >= 1
    return reader->task[reader->ridx]->type;
#else
    return reader->rstack[reader->ridx].type;
#endif
}

/// The first bytes that are not parsed: the length line, if a bulk is awaited.
static inline const char *rollcall_reader_unread(const redisReader *reader) {
    return reader->buf + reader->pos;
}

#endif
