// Rollcall · CPostgres

#ifndef ROLLCALL_CPOSTGRES_SHIM_H
#define ROLLCALL_CPOSTGRES_SHIM_H

#include <libpq-fe.h>

#endif
