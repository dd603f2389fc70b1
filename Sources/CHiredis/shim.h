// Rollcall · CHiredis

#ifndef ROLLCALL_CHIREDIS_SHIM_H
#define ROLLCALL_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>

// Debian 12 and Ubuntu 22.04 have 0.14; later ones and Homebrew have 1.x. What differs for us is told here once.
_Static_assert(HIREDIS_MAJOR == 1 || (HIREDIS_MAJOR == 0 && HIREDIS_MINOR == 14), "written for hiredis 0.14 and 1.x");

// The next three are macros or fixed-size tuples to Swift, which cannot call the first and is slow with the others.

static inline const char *rollcall_reader_error(const redisReader *reader) {
    return reader->errstr;
}

static inline void rollcall_reader_set_owner(redisReader *reader, void *owner) {
    reader->privdata = owner;
}

/// The bytes that wait in the reader for the rest of a reply.
static inline size_t rollcall_reader_waiting(const redisReader *reader) {
    return reader->len - reader->pos;
}

/// The type of the item whose rest is awaited (REDIS_REPLY_…), or -1 when its first byte has not come.
static inline int rollcall_reader_awaited_type(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR >= 1
    return reader->task[reader->ridx]->type;
#else
    return reader->rstack[reader->ridx].type;
#endif
}

/// The first unread bytes: of an awaited bulk, its length line.
static inline const char *rollcall_reader_unread(const redisReader *reader) {
    return reader->buf + reader->pos;
}

#endif
