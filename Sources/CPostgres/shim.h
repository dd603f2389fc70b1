// Rollcall · CPostgres

#ifndef ROLLCALL_CPOSTGRES_SHIM_H
#define ROLLCALL_CPOSTGRES_SHIM_H

#include <libpq-fe.h>

// The fields of an error: character macros, which Swift does not import.
static const int rollcall_field_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int rollcall_field_sqlstate = PG_DIAG_SQLSTATE;
static const int rollcall_field_message = PG_DIAG_MESSAGE_PRIMARY;
static const int rollcall_field_position = PG_DIAG_STATEMENT_POSITION;
static const int rollcall_field_function = PG_DIAG_SOURCE_FUNCTION;

#endif
